//! The settings of a room.

use roost_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::place::Place;
use crate::room::Piano;
use crate::text::color;

/// Colour of a new room.
const ROOM_COLOR: u32 = 0x3b_50_54;
/// Colours of a lobby.
const LOBBY_COLORS: (u32, u32) = (0x73_b3_cc, 0x27_35_46);
/// Most participants that an owner can ask for.
const MAX_LIMIT: u8 = 99;
/// A day: the longest time online that an owner can ask for, in milliseconds.
const MAX_ONLINE_TIME: u32 = 86_400_000;

/// What is set. What is not there is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) is_lobby: bool,
    pub(crate) visible: bool,
    pub(crate) chat: bool,
    pub(crate) crownsolo: bool,
    pub(crate) no_cussing: Option<bool>,
    pub(crate) lyrical_notes: Option<bool>,
    pub(crate) noindex: Option<bool>,
    pub(crate) allow_bots: Option<bool>,
    pub(crate) color: u32,
    pub(crate) color2: Option<u32>,
    pub(crate) limit: Option<u32>,
    /// Milliseconds that newcomers have to have been online; their door says since when they are.
    pub(crate) min_online_time: Option<u32>,
    /// Who may always take the crown, as clients see the id.
    pub(crate) owner_id: Option<String>,
}

/// Topic `chset`, and what an entrant asks for.
#[derive(Debug, Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    set: Map<String, Value>,
}

impl Settings {
    /// Those of a new room of that sort.
    pub(crate) fn of(place: Place, lobby_capacity: u32, owner: Option<&String>) -> Self {
        let (color, color2) = match place {
            Place::Ordinary => (ROOM_COLOR, None),
            _ => (LOBBY_COLORS.0, Some(LOBBY_COLORS.1)),
        };
        let limit = match place {
            Place::Lobby { .. } => Some(lobby_capacity),
            _ => None,
        };
        Self {
            is_lobby: place.is_lobby(),
            visible: true,
            chat: true,
            crownsolo: false,
            no_cussing: None,
            lyrical_notes: None,
            noindex: Some(false),
            allow_bots: None,
            color,
            color2,
            limit,
            min_online_time: None,
            owner_id: owner.filter(|_| !place.is_lobby()).cloned(),
        }
    }

    /// With what the creator of the room asked for.
    pub(crate) fn begin(&mut self, entrant: &Entrant) {
        let wanted: Wanted = entrant.parse_options().unwrap_or_default();
        self.merge(&wanted.set);
    }

    /// Change what is well-formed, leave the rest. The second colour goes unless it is given again.
    fn replace(&mut self, set: &Map<String, Value>) {
        self.color2 = None;
        self.merge(set);
    }

    fn merge(&mut self, set: &Map<String, Value>) {
        for (key, value) in set {
            self.put(key, value);
        }
    }

    fn put(&mut self, key: &str, value: &Value) {
        match key {
            "visible" => keep(&mut self.visible, value.as_bool()),
            "chat" => keep(&mut self.chat, value.as_bool()),
            "crownsolo" => keep(&mut self.crownsolo, value.as_bool()),
            "no cussing" => keep_some(&mut self.no_cussing, value.as_bool()),
            "lyrical notes" => keep_some(&mut self.lyrical_notes, value.as_bool()),
            "noindex" => keep_some(&mut self.noindex, value.as_bool()),
            "allowBots" => keep_some(&mut self.allow_bots, value.as_bool()),
            "color" => keep(&mut self.color, value.as_str().and_then(color)),
            "color2" => keep_some(&mut self.color2, value.as_str().and_then(color)),
            "limit" => keep_some(&mut self.limit, whole(value, MAX_LIMIT.into())),
            "minOnlineTime" => {
                let time = value.as_f64().and(whole(value, MAX_ONLINE_TIME));
                keep_some(&mut self.min_online_time, time);
            }
            // Unknown, or the server's own: clients send back all they were shown.
            _ => {}
        }
    }
}

fn keep<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn keep_some<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}

/// A whole number up to `most`, perhaps as text.
fn whole(value: &Value, most: u32) -> Option<u32> {
    let number = match value {
        Value::String(text) => text.parse().ok()?,
        other => other.as_f64()?,
    };
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number);
    is_whole.then_some(number as u32)
}

impl Piano {
    /// Topic `chset`.
    pub(crate) fn change_settings(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(wanted) = message.parse::<Wanted>() else {
            return;
        };
        if !self.may_govern(message.member) {
            return;
        }
        self.state.settings.replace(&wanted.set);
        self.show_all(cx);
        self.list(cx);
        cx.commit();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Settings;
    use crate::place::Place;

    fn changed(set: Value) -> Settings {
        let mut settings = Settings::of(Place::Ordinary, 20, None);
        let Value::Object(set) = set else {
            panic!("an object")
        };
        settings.merge(&set);
        settings
    }

    #[test]
    fn keys_are_judged_one_by_one() {
        let default = Settings::of(Place::Ordinary, 20, None);
        for ignored in [
            json!({"visible": "no", "chat": 0, "crownsolo": null}),
            json!({"color": "red", "color2": "#12345", "limit": 100, "minOnlineTime": -1}),
            json!({"limit": 1.5, "minOnlineTime": "5", "allowBots": "yes"}),
            json!({"limit": "many", "noindex": 1, "lyrical notes": [], "no cussing": {}}),
            json!({"limit": "", "lobby": true, "owner_id": "me", "unknown": 1, "name": "x"}),
            json!({"limit": "NaN", "minOnlineTime": 86_400_001}),
        ] {
            assert_eq!(changed(ignored.clone()), default, "{ignored}");
        }
        let set = changed(json!({
            "visible": false, "chat": false, "crownsolo": true, "no cussing": true,
            "lyrical notes": false, "noindex": true, "allowBots": true, "color": "#ABCDEF",
            "color2": "#000000", "limit": "12", "minOnlineTime": 86_400_000, "color3": 7,
        }));
        let expected = Settings {
            is_lobby: false,
            visible: false,
            chat: false,
            crownsolo: true,
            no_cussing: Some(true),
            lyrical_notes: Some(false),
            noindex: Some(true),
            allow_bots: Some(true),
            color: 0xab_cd_ef,
            color2: Some(0),
            limit: Some(12),
            min_online_time: Some(86_400_000),
            owner_id: None,
        };
        assert_eq!(set, expected);
        for limit in [json!(0), json!(99), json!("0"), json!("99"), json!(7.0)] {
            assert!(
                changed(json!({ "limit": limit })).limit.is_some(),
                "{limit}"
            );
        }
    }
}
