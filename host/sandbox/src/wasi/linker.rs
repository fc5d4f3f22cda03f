//! Which WASI interfaces work, and traps for all others that a component names.

use crate::host::Host;
use crate::inspect::base;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, HasSelf, Linker, LinkerInstance, ResourceType, Val};
use wasmtime::{Engine, Result};
use wasmtime_wasi::p2::bindings::{cli, clocks, random, sync};

/// Those that [`add_to_linker`] always defines, whatever the component.
const WORKING: [&str; 19] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:filesystem/preopens",
];

/// The resources that working interfaces define.
const IO_RESOURCES: [&str; 4] = ["error", "input-stream", "output-stream", "pollable"];

/// The type of every resource that cannot be had.
struct Nothing;

/// Offer what works, and traps for whatever else of WASI this component imports.
pub(crate) fn add_to_linker(
    linker: &mut Linker<Host>,
    engine: &Engine,
    component: &Component,
) -> Result<()> {
    working(linker)?;
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else {
            continue;
        };
        if base(name) == "wasi:filesystem/preopens" {
            preopens(&mut linker.instance(name)?)?;
        } else if base(name).starts_with("wasi:") && !WORKING.contains(&base(name)) {
            trapping(&mut linker.instance(name)?, name, &interface, engine)?;
        }
    }
    Ok(())
}

fn working(linker: &mut Linker<Host>) -> Result<()> {
    type Own = HasSelf<Host>;
    macro_rules! add {
        ($($($interface:ident)::+),+ $(,)?) => {
            $($($interface)::+::add_to_linker::<Host, Own>(linker, |host| host)?;)+
        };
    }
    add!(sync::io::error, sync::io::poll, sync::io::streams);
    add!(clocks::wall_clock, clocks::monotonic_clock);
    add!(random::random, random::insecure, random::insecure_seed);
    add!(
        cli::environment,
        cli::exit,
        cli::stdin,
        cli::stdout,
        cli::stderr
    );
    add!(cli::terminal_input, cli::terminal_output);
    add!(
        cli::terminal_stdin,
        cli::terminal_stdout,
        cli::terminal_stderr
    );
    Ok(())
}

/// No directories: asking for them is allowed, because C libraries do at their start.
fn preopens(interface: &mut LinkerInstance<'_, Host>) -> Result<()> {
    interface.func_new("get-directories", |_, _, _, results| {
        results
            .iter_mut()
            .for_each(|result| *result = Val::List(Vec::new()));
        Ok(())
    })
}

fn trapping(
    linker: &mut LinkerInstance<'_, Host>,
    name: &str,
    interface: &ComponentInstance,
    engine: &Engine,
) -> Result<()> {
    for (item_name, item) in interface.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let what = format!("{name}#{item_name}");
                linker.func_new(item_name, move |_, _, _, _| super::refused(&what))?;
            }
            // Those of `wasi:io` exist already; interfaces that use them only repeat their names.
            ComponentItem::Resource(_) if !IO_RESOURCES.contains(&item_name) => {
                linker.resource(item_name, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}
