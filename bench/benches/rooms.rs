//! How many idle rooms fit one process: opens them all and says what each takes of memory, memory
//! maps and time. `rooms [COUNT]` measures every case in a process of its own; `rooms COUNT CASE`
//! measures one here.

mod stage;

use anyhow::{Context, Result, bail};
use roost_room::{Program, Topic};
use roost_twin::Guest;
use stage::Stage;
use std::any::Any;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROOMS: usize = 20_000;

/// Form, whether in a room of the kernel, whether somebody is in it and has said something.
const CASES: [(&str, Case); 6] = [
    (
        "wasm-port",
        Case {
            form: "wasm",
            opened: Opened::Port,
        },
    ),
    (
        "wasm-kernel",
        Case {
            form: "wasm",
            opened: Opened::Empty,
        },
    ),
    (
        "wasm-kernel-used",
        Case {
            form: "wasm",
            opened: Opened::Used,
        },
    ),
    (
        "native-port",
        Case {
            form: "native",
            opened: Opened::Port,
        },
    ),
    (
        "native-kernel",
        Case {
            form: "native",
            opened: Opened::Empty,
        },
    ),
    (
        "native-kernel-used",
        Case {
            form: "native",
            opened: Opened::Used,
        },
    ),
];

#[derive(Clone, Copy)]
struct Case {
    form: &'static str,
    opened: Opened,
}

#[derive(Clone, Copy)]
enum Opened {
    /// An instance after `init`.
    Port,
    /// A room of the kernel with nobody in it.
    Empty,
    /// … with two members, one of whom has said something.
    Used,
}

/// What the process holds.
struct Usage {
    resident: u64,
    maps: u64,
}

impl Usage {
    fn now() -> Result<Self> {
        let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line
            .context("no Rss in smaps_rollup")?
            .trim()
            .trim_end_matches(" kB");
        let maps = std::fs::read_to_string("/proc/self/maps")?.lines().count();
        Ok(Self {
            resident: kib.parse()?,
            maps: maps as u64,
        })
    }
}

fn open(case: Case, program: &Arc<dyn Program>) -> Box<dyn Any> {
    match case.opened {
        Opened::Port => Box::new(stage::begin(program.as_ref())),
        Opened::Empty => Box::new(Stage::open(program.clone())),
        Opened::Used => {
            let mut room = Stage::open(program.clone());
            room.enter("ann");
            room.enter("ben");
            room.step([stage::input(&Topic::new("say"), &stage::payload(100))]);
            Box::new(room)
        }
    }
}

fn measure(count: usize, name: &str) -> Result<()> {
    let found = CASES.iter().find(|(other, _)| *other == name);
    let (_, case) = found.with_context(|| format!("no case is called {name}"))?;
    let forms = stage::forms(Guest::Relay);
    let program = forms.into_iter().find(|(form, _)| *form == case.form);
    let (_, program) = program.context("no such form")?;
    drop(open(*case, &program));
    let before = Usage::now()?;
    let (mut all, mut times) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let begun = Instant::now();
    for _ in 0..count {
        let one = Instant::now();
        all.push(open(*case, &program));
        times.push(one.elapsed());
    }
    let took = begun.elapsed();
    let after = Usage::now()?;
    times.sort_unstable();
    report(name, count, &before, &after, took, &times);
    let begun = Instant::now();
    drop(all);
    let each = begun.elapsed().as_secs_f64() * 1e6 / count as f64;
    println!("{name:20}  dropped in {each:.1} us each");
    Ok(())
}

fn report(
    name: &str,
    count: usize,
    before: &Usage,
    after: &Usage,
    took: Duration,
    times: &[Duration],
) {
    let each = |later: u64, earlier: u64| later.saturating_sub(earlier) as f64 / count as f64;
    let at = |part: usize| {
        let place = times.len().saturating_sub(1) * part / 100;
        times
            .get(place)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    println!(
        "{name:20}  {count} rooms: {:.1} KiB resident each, {:.2} maps each, created in {:.1} us each \
         (p50 {:.1}, p99 {:.1}, worst {:.0}); process: {} MiB, {} maps",
        each(after.resident, before.resident),
        each(after.maps, before.maps),
        took.as_secs_f64() * 1e6 / count as f64,
        at(50),
        at(99),
        at(100),
        after.resident / 1024,
        after.maps,
    );
}

fn main() -> Result<()> {
    // `cargo bench` passes flags of its own.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let count = words.next().map_or(Ok(ROOMS), |word| word.parse())?;
    if let Some(name) = words.next() {
        return measure(count, &name);
    }
    // The guests are built before anything is measured.
    drop(stage::forms(Guest::Relay));
    let itself = std::env::current_exe()?;
    for (name, _) in CASES {
        let status = Command::new(&itself)
            .args([&count.to_string(), name])
            .status()?;
        if !status.success() {
            bail!("{name} failed ({status})");
        }
    }
    Ok(())
}
