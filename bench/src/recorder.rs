//! Latencies and counts, gathered from many tasks at once.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies above this are recorded as this.
const LONGEST: Duration = Duration::from_secs(60);

/// An empty histogram of microseconds, to three digits, up to a minute.
///
/// # Errors
/// Never with these bounds; the library checks them all the same.
pub(crate) fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(
        1,
        LONGEST.as_micros() as u64,
        3,
    )?)
}

/// What all receivers write to. Split in shards so that they seldom meet.
#[derive(Debug)]
pub(crate) struct Recorder {
    epoch: Instant,
    window: OnceLock<Range<u64>>,
    shards: Box<[Shard]>,
}

#[derive(Debug)]
struct Shard {
    arrived: AtomicU64,
    measured: Mutex<Histogram<u64>>,
}

impl Recorder {
    /// A recorder whose clock starts now.
    ///
    /// # Errors
    /// As [`histogram`].
    pub(crate) fn new(shards: usize) -> anyhow::Result<Self> {
        let shard = || {
            anyhow::Ok(Shard {
                arrived: AtomicU64::new(0),
                measured: Mutex::new(histogram()?),
            })
        };
        Ok(Self {
            epoch: Instant::now(),
            window: OnceLock::new(),
            shards: (0..shards.max(1))
                .map(|_| shard())
                .collect::<Result<_, _>>()?,
        })
    }

    /// Nanoseconds on the recorder's clock.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The instant of a time on the recorder's clock.
    pub(crate) fn instant(&self, nanoseconds: u64) -> Instant {
        self.epoch + Duration::from_nanos(nanoseconds)
    }

    /// From now on, messages due within `window` are measured; all others are only counted. The first call counts.
    pub(crate) fn measure(&self, window: Range<u64>) {
        let _already_set = self.window.set(window);
    }

    /// Whether a message that was due then is measured.
    pub(crate) fn measures(&self, due: u64) -> bool {
        self.window
            .get()
            .is_some_and(|window| window.contains(&due))
    }

    /// Adds what one read brought: how many messages, and the latencies, in nanoseconds, of the measured ones.
    pub(crate) fn add(&self, shard: u32, arrived: u64, latencies: &[u64]) {
        let shard = self.shards.get(shard as usize % self.shards.len());
        let Some(shard) = shard.filter(|_| arrived > 0) else {
            return;
        };
        shard.arrived.fetch_add(arrived, Ordering::Relaxed);
        if !latencies.is_empty() {
            let mut measured = shard
                .measured
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for latency in latencies {
                measured.saturating_record((latency / 1000).max(1));
            }
        }
    }

    /// Messages that have arrived, measured or not, without doubled ones.
    pub(crate) fn arrived(&self) -> u64 {
        self.shards
            .iter()
            .map(|shard| shard.arrived.load(Ordering::Relaxed))
            .sum()
    }

    /// All latencies measured so far.
    ///
    /// # Errors
    /// As [`histogram`].
    pub(crate) fn latencies(&self) -> anyhow::Result<Histogram<u64>> {
        let mut all = histogram()?;
        for shard in &self.shards {
            all.add(
                &*shard
                    .measured
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            )?;
        }
        Ok(all)
    }
}

/// A histogram in a few numbers, all in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl From<&Histogram<u64>> for Quantiles {
    fn from(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Self {
            count: histogram.len(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: histogram.max() as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Quantiles, Recorder};

    #[test]
    fn only_the_window_is_measured_and_everything_counted() {
        let recorder = Recorder::new(2).unwrap();
        assert!(!recorder.measures(10));
        recorder.measure(10..20);
        assert!(recorder.measures(10) && !recorder.measures(20));
        recorder.add(0, 2, &[1_000_000, 3_000_000]);
        recorder.add(5, 1, &[]);
        assert_eq!(recorder.arrived(), 3);
        let quantiles = Quantiles::from(&recorder.latencies().unwrap());
        assert_eq!(quantiles.count, 2);
        assert!((quantiles.max_ms - 3.0).abs() < 0.01, "{quantiles:?}");
    }
}
