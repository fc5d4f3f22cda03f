//! What is done to a room from outside: other rules, rehearsals, recordings.

use crate::stage::Stage;
use roost_room::{Bundle, Output, RecordedCall, RoomConfig, Takeover};

impl Stage {
    /// Whether it was such a line.
    pub(crate) fn play_exchange(&mut self, words: &[&str]) -> bool {
        match words[0] {
            "swap" => {
                self.set(&words[1..].join(" "));
                let (clock, takeover) = (self.clock(), self.takeover());
                match self.room().exchange(clock, takeover) {
                    Ok(outputs) => self.note(&outputs),
                    Err(reason) => self.lines.push(format!("kept the old: {reason}")),
                }
            }
            "back" => {
                self.set(&words[1..].join(" "));
                let (clock, takeover) = (self.clock(), self.takeover());
                match self.room().roll_back(clock, takeover) {
                    Ok((how, outputs)) => {
                        self.lines.push(format!("back: {how:?}"));
                        self.note(&outputs);
                    }
                    Err(reason) => self.lines.push(format!("kept the new: {reason}")),
                }
            }
            "settle-in" => self.room().forget_retreat(),
            "rehearse" => {
                self.set(&words[1..].join(" "));
                let takeover = self.takeover();
                let line = match self.room().material().map(|m| m.rehearse(&takeover)) {
                    Ok(Ok(calls)) => format!("fit: {calls} calls heard again"),
                    Ok(Err(unfit)) => format!("unfit: {unfit}"),
                    Err(fault) => format!("no material: {fault}"),
                };
                self.lines.push(line);
            }
            "record" => {
                self.room().tap(true);
                self.bundle = self.room().fresh_bundle().ok();
            }
            "replay" => {
                self.set(&words[1..].join(" "));
                let line = self.replay();
                self.lines.push(line);
            }
            _ => return false,
        }
        true
    }

    fn takeover(&self) -> Takeover {
        let RoomConfig { granted, log, .. } = self.config();
        Takeover {
            program: self.program.clone(),
            granted,
            log,
        }
    }

    /// Repeat what was recorded last.
    fn replay(&mut self) -> String {
        let (program, log) = (self.program.clone(), self.config().log);
        let Some(bundle) = &self.bundle else {
            return "nothing was recorded".to_owned();
        };
        let replayed = match bundle.replay(program.as_ref(), &log, 1) {
            Ok(replayed) => replayed,
            Err(reason) => return format!("no replay: {reason}"),
        };
        let mut line = format!("{} of {} calls the same", replayed.same, replayed.calls);
        for divergence in &replayed.divergences {
            let call = divergence.record.sequence;
            line.push_str(&format!("; call {call}, effect {}", divergence.place));
        }
        if let Some(fault) = replayed.fault {
            line.push_str(&format!("; again: {fault}"));
        }
        line
    }

    /// Every bundle of a fault comes back from its bytes, and shows the fault again.
    pub(crate) fn look_over_the_shoulder(&mut self, output: &Output) {
        match output {
            Output::FaultBundle(bundle) => {
                assert_eq!(Bundle::from_bytes(&bundle.to_bytes()).unwrap(), **bundle);
                self.bundle = Some(Bundle::clone(bundle));
            }
            Output::Called(called) => {
                if let Some(bundle) = &mut self.bundle {
                    bundle.calls.push(RecordedCall {
                        record: called.record.clone(),
                        effects: Some(called.effects.clone()),
                    });
                }
            }
            _ => {}
        }
    }
}
