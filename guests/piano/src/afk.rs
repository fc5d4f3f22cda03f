//! Away from the keyboard: who has done nothing for a while, until they do something again.

use roost_sdk::prelude::*;

use crate::room::Piano;

/// The timer that looks for those who are away.
pub(crate) const TIMER: u32 = 3;
/// Milliseconds between two looks; less where people are away sooner than that.
const INTERVAL: u64 = 60_000;
/// Most people who go away at one look. Each is told to all the others, and a call has bounds.
const AT_ONCE: usize = 256;

impl Piano {
    /// A member has done something.
    pub(crate) fn hear(&mut self, cx: &mut Cx, member: MemberId) {
        let Some(person) = self.state.people.get_mut(&member) else {
            return;
        };
        person.heard = cx.now();
        if person.afk {
            person.afk = false;
            self.show_person(cx, member);
            self.watch(cx);
        }
    }

    /// After how many milliseconds without a message somebody is away.
    fn patience(&self) -> Option<u64> {
        let seconds = u64::from(self.options.afk_after);
        (seconds > 0).then_some(seconds * 1000)
    }

    /// Somebody is here: have the timer run, if it does not.
    pub(crate) fn watch(&mut self, cx: &mut Cx) {
        let is_watched = self.state.afk_timer || self.state.people.is_empty();
        if let Some(patience) = self.patience().filter(|_| !is_watched) {
            self.look_again(cx, patience);
        }
    }

    /// Nobody is here any more.
    pub(crate) fn stop_watching(&mut self, cx: &mut Cx) {
        if std::mem::take(&mut self.state.afk_timer) {
            cx.cancel_timer(TIMER);
        }
    }

    /// The timer.
    pub(crate) fn look_for_afk(&mut self, cx: &mut Cx) {
        self.state.afk_timer = false;
        let Some(patience) = self.patience() else {
            return;
        };
        let now = cx.now();
        let mut away = Vec::new();
        let mut next: Option<u64> = None;
        let present = self.state.people.iter_mut();
        for (member, person) in present.filter(|(_, person)| !person.afk) {
            // Rooms of the first version did not know.
            if person.heard == 0 {
                person.heard = now;
            }
            let due = person.heard.saturating_add(patience);
            if due <= now && away.len() < AT_ONCE {
                person.afk = true;
                away.push(*member);
            } else {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        for member in away {
            self.show_person(cx, member);
        }
        if let Some(next) = next {
            let soonest = INTERVAL.min(patience);
            self.look_again(cx, next.saturating_sub(now).max(soonest));
        }
    }

    fn look_again(&mut self, cx: &mut Cx, after: u64) {
        self.state.afk_timer = true;
        cx.set_timer(TIMER, u32::try_from(after).unwrap_or(u32::MAX));
    }
}
