//! What a process has used, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// Ticks of `/proc/<pid>/stat` per second: 100 on every platform that Linux runs Rust on, whatever the kernel's own rate.
const TICKS_PER_SECOND: u64 = 100;

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// User and system time of all its threads, also those that have ended, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
    /// Resident memory that is backed by no file, in bytes: heaps and stacks.
    pub(crate) anonymous: u64,
    /// Threads alive.
    pub(crate) threads: u64,
    /// Open descriptors; 0 when we may not look.
    pub(crate) descriptors: u64,
}

impl Usage {
    /// Looks at a process now.
    ///
    /// # Errors
    /// When there is no such process, or `/proc` is not what it should be.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let ticks = cpu_ticks(&read("stat")?).context("/proc/<pid>/stat has no times")?;
        let status = read("status")?;
        // The roll-up is exact; the counters of `status` may lag by some pages a thread. It needs the same user as the process.
        let memory = read("smaps_rollup").unwrap_or_default();
        let resident = field(&memory, "Rss:").or_else(|| field(&status, "VmRSS:"));
        let anonymous = field(&memory, "Anonymous:").or_else(|| field(&status, "RssAnon:"));
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Ok(Self {
            cpu_s: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND).as_secs_f64(),
            resident: resident.unwrap_or(0) * 1024,
            anonymous: anonymous.unwrap_or(0) * 1024,
            threads: field(&status, "Threads:").unwrap_or(0),
            descriptors: descriptors as u64,
        })
    }
}

/// utime + stime. The name of the program stands in parentheses and may contain anything, spaces and parentheses too.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Usage, cpu_ticks, field};

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "12 (a ) b) S 1 1 1 0 -1 4194560 10 0 0 0 37 5 0 0 20 0 3 0 100 0 0";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(field("A: 1\nRss:    12 kB\n", "Rss:"), Some(12));
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident > 100_000 && usage.anonymous > 0, "{usage:?}");
        assert!(usage.threads >= 1 && usage.descriptors >= 3);
    }
}
