//! What ended a call, in the kernel's words.

use crate::wasi::Overuse;
use roost_room::{CallLimits, Fault};
use wasmtime::{FrameInfo, Trap, WasmBacktrace};

/// Functions of a trap that are named, innermost first.
const FRAMES: usize = 6;
/// Bytes of a text about a trap.
const TEXT_BYTES: usize = 2048;
/// The type behind it is private to wasmtime, and a test watches over the wording.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";

/// What that error of a call means. `words` is what a panic said just before.
pub(crate) fn of_call(error: &wasmtime::Error, limits: CallLimits, words: Option<String>) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Fault::OutOfFuel(limits.fuel),
        Some(Trap::Interrupt) => return Fault::Interrupted(limits.deadline.unwrap_or_default()),
        _ => {}
    }
    let cause = error.root_cause().to_string();
    if error.downcast_ref::<Overuse>().is_some() {
        return Fault::Limit(cause);
    }
    if cause.contains(HOSTCALL_FUEL) {
        return Fault::Limit(format!(
            "more than {} bytes handed out in one call",
            limits.output
        ));
    }
    Fault::Trap(text(error, &cause, words))
}

/// What kept an instance from being made.
pub(crate) fn of_start(error: &wasmtime::Error) -> Fault {
    Fault::Start(text(error, &error.root_cause().to_string(), None))
}

/// `panicked at … (wasm trap: …) in inner < outer < …`
fn text(error: &wasmtime::Error, cause: &str, words: Option<String>) -> String {
    let mut text = match words {
        // A panic ends in `unreachable`, whose own name says nothing.
        Some(words) if is_panic(error) => words.trim().replace('\n', " "),
        _ => cause.to_owned(),
    };
    let names = error
        .downcast_ref::<WasmBacktrace>()
        .map(names)
        .unwrap_or_default();
    if !names.is_empty() {
        text.push_str(" in ");
        text.push_str(&names.join(" < "));
    }
    text.truncate(text.floor_char_boundary(TEXT_BYTES));
    text
}

/// Functions on the stack, innermost first. A stripped program has only numbers.
fn names(trace: &WasmBacktrace) -> Vec<String> {
    let name = |frame: &FrameInfo| {
        let name = frame.func_name().map(str::to_owned);
        name.unwrap_or_else(|| format!("function {}", frame.func_index()))
    };
    let names = trace.frames().iter().map(name);
    names
        .skip_while(|name| is_machinery(name))
        .take(FRAMES)
        .collect()
}

/// The innermost functions of a panic in Rust: the same every time.
fn is_machinery(name: &str) -> bool {
    const PREFIXES: [&str; 6] = [
        "std::",
        "core::panicking",
        "__rust",
        "rust_",
        "abort",
        "__cabi",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_panic(error: &wasmtime::Error) -> bool {
    matches!(
        error.downcast_ref::<Trap>(),
        Some(Trap::UnreachableCodeReached)
    )
}
