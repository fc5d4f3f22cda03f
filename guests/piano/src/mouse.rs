//! Pointers: each is shown twenty times a second at most, and always where it came to rest.

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Topic;
use crate::crown::Point;
use crate::room::Piano;

/// The timer for positions that came too early to be shown.
pub(crate) const TIMER: u32 = 1;
/// Milliseconds between two positions of a member.
const INTERVAL: u64 = 50;
/// Milliseconds between two runs of the timer: several people's positions go together.
const TIMER_INTERVAL: u64 = 10;
/// Farthest from the corner, in percent.
const FARTHEST: f64 = 1000.0;
/// Off the screen, until somebody moves.
const NOWHERE: Point = Point { x: 200.0, y: 100.0 };

/// Somebody's pointer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Mouse {
    at: Point,
    /// Unix time at which it was shown last.
    shown: u64,
    /// The connection by which it moved since.
    moved_by: Option<ConnectionId>,
}

impl Default for Mouse {
    fn default() -> Self {
        Self {
            at: NOWHERE,
            shown: 0,
            moved_by: None,
        }
    }
}

impl Mouse {
    /// Where it is.
    pub(crate) fn at(&self) -> Point {
        self.at
    }

    /// When it may be shown again.
    fn due(&self) -> u64 {
        self.shown.saturating_add(INTERVAL)
    }
}

impl Piano {
    /// Topic `m`.
    pub(crate) fn point(&mut self, cx: &mut Cx, message: &Message) {
        let range = -FARTHEST..=FARTHEST;
        let at = message.parse::<Point>().ok();
        let at = at.filter(|at| range.contains(&at.x) && range.contains(&at.y));
        let (Some(at), Some(person)) = (at, self.state.people.get_mut(&message.member)) else {
            return;
        };
        let now = cx.now();
        let mouse = &mut person.mouse;
        mouse.at = at;
        if mouse.due() <= now {
            mouse.shown = now;
            mouse.moved_by = None;
            if person.vanished {
                self.forward_to_staff(cx, message.via, Lane::Latest(message.member));
                return;
            }
            cx.forward()
                .to_all_but_connection(message.via)
                .latest(message.member);
        } else {
            mouse.moved_by = Some(message.via);
            let due = mouse.due();
            self.point_at(cx, due);
        }
    }

    /// The timer: show what is due, come again for the rest.
    pub(crate) fn point_late(&mut self, cx: &mut Cx) {
        self.state.mouse_timer = None;
        let now = cx.now();
        let mut next: Option<u64> = None;
        let mut hidden = Vec::new();
        for (member, person) in &mut self.state.people {
            let mouse = &mut person.mouse;
            let Some(via) = mouse.moved_by else {
                continue;
            };
            if mouse.due() > now {
                next = Some(next.map_or(mouse.due(), |next| next.min(mouse.due())));
                continue;
            }
            mouse.shown = now;
            mouse.moved_by = None;
            if person.vanished {
                hidden.push((*member, via, mouse.at));
                continue;
            }
            cx.deliver(Topic::Mouse)
                .json(&mouse.at)
                .by(*member)
                .to_all_but_connection(via)
                .latest(*member);
        }
        for (member, via, at) in hidden {
            self.point_hidden(cx, member, via, at);
        }
        if let Some(next) = next {
            self.point_at(cx, next.max(now + TIMER_INTERVAL));
        }
    }

    /// Somebody vanished moved: staff sees it.
    fn point_hidden(&self, cx: &mut Cx, member: MemberId, via: ConnectionId, at: Point) {
        let connections = self.staff_connections(via);
        if !connections.is_empty() {
            cx.deliver(Topic::Mouse)
                .json(&at)
                .by(member)
                .to_connections(connections)
                .latest(member);
        }
    }

    /// Have the timer run out at that time at the latest.
    fn point_at(&mut self, cx: &mut Cx, due: u64) {
        if self.state.mouse_timer.is_some_and(|set| set <= due) {
            return;
        }
        self.state.mouse_timer = Some(due);
        let after = due.saturating_sub(cx.now());
        cx.set_timer(TIMER, u32::try_from(after).unwrap_or(u32::MAX));
    }
}
