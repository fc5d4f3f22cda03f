//! The time after an activation in which the new version may still be taken back by itself.

use super::{Deployer, Incident, Module};
use roost_protocol::api::Watch;
use roost_room::{ProgramHash, UserId};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long it lasts.
const LASTS: Duration = Duration::from_secs(600);
/// Faults of so many users bring the old version back.
const USERS: usize = 3;
/// How often the time of calls is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Over so many looks.
const WINDOW: usize = 10;
/// With so many calls at least.
const ENOUGH: u64 = 100;

/// The time after an activation.
#[derive(Debug)]
pub(crate) struct Probation {
    version: u32,
    program: ProgramHash,
    watch: Watch,
    began: Instant,
    /// Whose doing made it fail.
    users: BTreeSet<UserId>,
}

impl Probation {
    pub(super) fn new(version: u32, program: ProgramHash, watch: Watch) -> Self {
        Self {
            version,
            program,
            watch,
            began: Instant::now(),
            users: BTreeSet::new(),
        }
    }

    /// Whether this is one fault too many: what no member has brought about, or the third member's.
    fn trips(&mut self, program: &ProgramHash, user: Option<UserId>) -> bool {
        if *program != self.program {
            return false;
        }
        match user {
            None => true,
            Some(user) => {
                self.users.insert(user);
                self.users.len() >= USERS
            }
        }
    }
}

/// Calls and their time, over the last seconds.
#[derive(Debug, Default)]
struct Pace {
    looks: VecDeque<(u64, u64)>,
}

impl Pace {
    /// The mean time of a call in microseconds, if there were enough of them.
    fn look(&mut self, steps: u64, nanos: u64) -> Option<f64> {
        self.looks.push_back((steps, nanos));
        if self.looks.len() > WINDOW + 1 {
            self.looks.pop_front();
        }
        let (first_steps, first_nanos) = self.looks.front().copied()?;
        let steps = steps.saturating_sub(first_steps);
        let nanos = nanos.saturating_sub(first_nanos);
        (steps >= ENOUGH).then(|| nanos as f64 / steps as f64 / 1_000.0)
    }
}

impl Deployer {
    /// From now on the new version is watched.
    pub(super) fn begin_probation(self: &Arc<Self>, module: &Arc<Module>, probation: Probation) {
        let (began, watch) = (probation.began, probation.watch);
        *module.probation() = Some(probation);
        let (deployer, module) = (Arc::clone(self), Arc::clone(module));
        tokio::spawn(async move { deployer.watch_over(&module, began, watch).await });
    }

    /// Until the time is over, or another activation or a rollback has ended it.
    async fn watch_over(self: &Arc<Self>, module: &Arc<Module>, began: Instant, watch: Watch) {
        let mut pace = Pace::default();
        let mut look = tokio::time::interval(LOOK);
        let is_mine = |module: &Module| {
            let probation = module.probation();
            probation.as_ref().is_some_and(|p| p.began == began)
        };
        let lasts = tokio::time::sleep_until(began + LASTS);
        tokio::pin!(lasts);
        loop {
            tokio::select! {
                () = &mut lasts => break,
                _ = look.tick() => {}
            }
            if !is_mine(module) {
                return;
            }
            if let Some(most) = watch.call_us
                && let Some(mean) = self.mean_call(module, &mut pace)
                && mean > most
            {
                let reason =
                    format!("a call takes {mean:.0} us on average, and {most:.0} are allowed");
                return self.take_back(module, reason);
            }
        }
        if is_mine(module) {
            *module.probation() = None;
            self.settle(module);
        }
    }

    fn mean_call(&self, module: &Module, pace: &mut Pace) -> Option<f64> {
        let kind = self.kinds.get(&module.name)?;
        let metrics = kind.metrics();
        pace.look(
            metrics.steps.load(Ordering::Relaxed),
            metrics.nanos.load(Ordering::Relaxed),
        )
    }

    fn take_back(self: &Arc<Self>, module: &Arc<Module>, reason: String) {
        let probation = module.probation().take();
        if let Some(probation) = probation {
            self.roll_back_from(&module.name, probation.version, reason);
        }
    }

    /// Hear of faults, as long as there are rooms that could tell of any.
    pub async fn hear(self: Arc<Self>, mut incidents: mpsc::Receiver<Incident>) {
        while let Some(incident) = incidents.recv().await {
            match incident {
                Incident::Fault {
                    kind,
                    program,
                    user,
                    counts,
                    text,
                } => {
                    if counts && let Ok(module) = self.module(&kind) {
                        self.judge(&module, &program, user, &text);
                    }
                }
                Incident::Bundle(bundle) => {
                    let version = self.version_of(&bundle.kind, &bundle.program);
                    self.recordings.keep_fault(*bundle, version).await;
                }
            }
        }
    }

    fn judge(
        self: &Arc<Self>,
        module: &Arc<Module>,
        program: &ProgramHash,
        user: Option<UserId>,
        text: &str,
    ) {
        let by = user.clone();
        let trips = {
            let mut probation = module.probation();
            probation.as_mut().is_some_and(|p| p.trips(program, user))
        };
        if trips {
            let reason = match by {
                None => format!("it failed where no member is to blame: {text}"),
                Some(_) => format!("it failed for {USERS} members, last at {text}"),
            };
            self.take_back(module, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Option<UserId> {
        UserId::new("anon", name)
    }

    #[tokio::test]
    async fn one_member_cannot_bring_the_old_version_back() {
        let program = ProgramHash([1; 32]);
        let probation = || Probation::new(2, program, Watch::default());
        let mut ours = probation();
        for _ in 0..10 {
            assert!(!ours.trips(&program, user("rude")));
        }
        assert!(!ours.trips(&program, user("two")));
        assert!(
            !ours.trips(&ProgramHash([2; 32]), user("three")),
            "another program"
        );
        assert!(ours.trips(&program, user("three")));
        assert!(probation().trips(&program, None));
    }

    #[test]
    fn the_mean_is_that_of_the_last_ten_seconds() {
        let mut pace = Pace::default();
        assert_eq!(pace.look(0, 0), None);
        assert_eq!(pace.look(50, 50_000), None, "too few");
        assert_eq!(pace.look(200, 200_000), Some(1.0));
        for second in 0..20 {
            let steps = 200 + (second + 1) * 100;
            pace.look(steps, 200_000 + (second + 1) * 100 * 5_000);
        }
        let mean = pace.look(2_300, 200_000 + 2_100 * 5_000);
        assert!(
            mean.is_some_and(|mean| (mean - 5.0).abs() < 0.1),
            "{mean:?}"
        );
    }
}
