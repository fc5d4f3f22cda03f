//! What a room's id says about it.

/// Where the banned go, and those who find no place.
pub(crate) const AWKWARD: &str = "test/awkward";
/// Where everybody begins.
const FIRST_LOBBY: &str = "lobby";

/// The sort of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A lobby with a number: of limited capacity.
    Lobby {
        /// From 1; 0 for the one whose number is none.
        number: u16,
    },
    /// A lobby of any size.
    Test,
    /// A room that somebody owns.
    Ordinary,
}

impl Place {
    /// The sort of the room with this id.
    pub(crate) fn of(id: &str) -> Self {
        if let Some(number) = id.strip_prefix(FIRST_LOBBY).and_then(number) {
            return Self::Lobby { number };
        }
        match id.strip_prefix("test/") {
            Some(rest) if !rest.is_empty() => Self::Test,
            _ => Self::Ordinary,
        }
    }

    /// Whether nobody owns it and its settings stay.
    pub(crate) fn is_lobby(self) -> bool {
        self != Self::Ordinary
    }

    /// The lobby to try when this one is full.
    pub(crate) fn next(self) -> Option<String> {
        match self {
            Self::Lobby { number: 9999 } | Self::Test | Self::Ordinary => None,
            Self::Lobby { number } => Some(format!("{FIRST_LOBBY}{}", u32::from(number) + 1)),
        }
    }
}

/// Whether a room of this id stays when nobody is in it.
pub(crate) fn is_lasting(id: &str) -> bool {
    id == FIRST_LOBBY || id == AWKWARD
}

/// What stands behind `lobby`: nothing, 1 to 9999 without leading zeros, or `NaN`.
fn number(rest: &str) -> Option<u16> {
    match rest {
        "" => Some(1),
        "NaN" => Some(0),
        _ => {
            let is_plain = (1..=4).contains(&rest.len()) && !rest.starts_with('0');
            let digits = rest.bytes().all(|byte| byte.is_ascii_digit());
            (is_plain && digits).then(|| rest.parse().ok()).flatten()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn ids_say_what_a_room_is() {
        let cases = [
            ("lobby", true, Some("lobby2")),
            ("lobby1", true, Some("lobby2")),
            ("lobby2", true, Some("lobby3")),
            ("lobby41", true, Some("lobby42")),
            ("lobby9998", true, Some("lobby9999")),
            ("lobby9999", true, None),
            ("lobbyNaN", true, Some("lobby1")),
            ("lobby0", false, None),
            ("lobby01", false, None),
            ("lobby10000", false, None),
            ("lobby+5", false, None),
            ("lobbynan", false, None),
            ("lobby x", false, None),
            ("Lobby", false, None),
            ("test/awkward", true, None),
            ("test/a/b", true, None),
            ("test/", false, None),
            ("test", false, None),
            ("", false, None),
        ];
        for (id, is_lobby, next) in cases {
            let place = Place::of(id);
            assert_eq!(place.is_lobby(), is_lobby, "{id}");
            assert_eq!(place.next().as_deref(), next, "{id}");
        }
    }
}
