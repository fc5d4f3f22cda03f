//! What staff does to the whole site: keeping somebody from it.

use super::farewell::{End, Farewell};
use super::{Session, notice};
use crate::clock::unix_millis;
use crate::lobby::{BANNED, SiteBan};
use roost_protocol::mpp::{self, close};
use roost_protocol::play::MPP_ISSUER;
use roost_room::UserId;

impl Session {
    /// Ban somebody from all rooms, or let him in again; staff is told when that is durable. From others it is ignored.
    pub(super) async fn ban_from_site(&mut self, wanted: mpp::SiteBan) -> Result<(), End> {
        let Some(person) = self.person.as_ref().filter(|person| person.staff) else {
            return Ok(());
        };
        let (lobby, by) = (self.kind.lobby(), person.visitor.user.clone());
        let user = lobby.user_called(&wanted.id);
        let user = user.or_else(|| UserId::new(MPP_ISSUER, &wanted.id));
        let Some(user) = user.filter(|user| *user != by) else {
            return Ok(());
        };
        let now = unix_millis();
        let ban = (wanted.ms != Some(0)).then(|| SiteBan {
            until: wanted.ms.map(|ms| now.saturating_add(ms)),
            reason: wanted.reason,
            note: wanted.note,
            by,
            at: now,
        });
        let text = outcome(&wanted.id, ban.as_ref());
        let farewell = ban.as_ref().map(banned_text);
        let keeping = lobby.ban_from_site(user.clone(), ban);
        if let Some(farewell) = &farewell {
            for outbox in self.door.seats.of(&user) {
                outbox.push(notice(farewell));
                outbox.close(close::BANNED, BANNED);
            }
        }
        let kept = tokio::select! {
            kept = keeping => kept,
            () = self.socket.drive() => return Err(End::Lost),
        };
        match kept {
            Ok(Ok(())) => self.notify(&text),
            Ok(Err(error)) => {
                tracing::error!(kind = self.kind.name(), %user, %error, "a ban could not be kept");
                self.notify("This could not be stored: it holds until the server starts again.");
            }
            Err(_) => return Err(Farewell::leaving().into()),
        }
        Ok(())
    }
}

/// What somebody is told who may not come in.
pub(super) fn banned_text(ban: &SiteBan) -> String {
    let mut text = match ban.until {
        None => "You are banned from this site.".to_owned(),
        Some(until) => {
            let left = span(until.saturating_sub(unix_millis()));
            format!("You are banned from this site for {left}.")
        }
    };
    if !ban.reason.is_empty() {
        text.push(' ');
        text.push_str(&ban.reason);
    }
    text
}

/// What staff is told.
fn outcome(id: &str, ban: Option<&SiteBan>) -> String {
    match ban {
        None => format!("{id} may come in again."),
        Some(SiteBan { until: None, .. }) => format!("{id} is banned from this site for good."),
        Some(SiteBan {
            until: Some(until),
            at,
            ..
        }) => {
            let long = span(until.saturating_sub(*at));
            format!("{id} is banned from this site for {long}.")
        }
    }
}

/// A length of time in the largest unit of which it is at least two, rounded up.
fn span(ms: u64) -> String {
    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let (unit, name) = match ms {
        _ if ms >= 2 * DAY => (DAY, "days"),
        _ if ms >= 2 * HOUR => (HOUR, "hours"),
        _ if ms > MINUTE => (MINUTE, "minutes"),
        _ => return "1 minute".to_owned(),
    };
    format!("{} {name}", ms.div_ceil(unit))
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_told_in_words() {
        let cases = [
            (0, "1 minute"),
            (60_000, "1 minute"),
            (60_001, "2 minutes"),
            (3_600_000, "60 minutes"),
            (7_200_001, "3 hours"),
            (172_800_000, "2 days"),
        ];
        for (ms, text) in cases {
            assert_eq!(span(ms), text, "{ms}");
        }
    }
}
