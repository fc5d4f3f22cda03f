//! Names and colours. The lobby keeps them; they are shown once it has them.

use roost_sdk::prelude::*;
use serde::Deserialize;

use crate::people::by_id;
use crate::room::Piano;
use crate::text::{color, is_name};

/// Topic `userset`.
#[derive(Debug, Deserialize)]
struct ChangeUser {
    set: Looks,
}

/// Topics `setname` and `setcolor`.
#[derive(Debug, Deserialize)]
struct ChangeOther {
    _id: String,
    #[serde(flatten)]
    set: Looks,
}

#[derive(Debug, Deserialize)]
struct Looks {
    name: Option<String>,
    color: Option<String>,
}

impl Piano {
    /// Topic `userset`.
    pub(crate) fn change_user(&mut self, cx: &mut Cx, message: &Message) {
        if let Ok(ChangeUser { set }) = message.parse() {
            self.ask(cx, message.member, set);
        }
    }

    /// Topics `setname` and `setcolor`.
    pub(crate) fn change_other(&mut self, cx: &mut Cx, message: &Message) {
        let Ok(ChangeOther { _id: id, set }) = message.parse() else {
            return;
        };
        let target = by_id(&self.state.people, &id).map(|(member, _)| member);
        if let Some(target) = target.filter(|_| self.is_staff(message.member)) {
            self.ask(cx, target, set);
        }
    }

    fn ask(&mut self, cx: &mut Cx, member: MemberId, looks: Looks) {
        let name = looks.name.filter(|name| is_name(name));
        let color = looks.color.as_deref().and_then(color);
        let Some(person) = self.state.people.get_mut(&member) else {
            return;
        };
        if let Some(profile) = person.ask(name, color, cx.now()) {
            cx.set_profile(member, profile);
        }
    }

    /// The lobby holds another profile.
    pub(crate) fn show_profile(&mut self, cx: &mut Cx, changed: MemberProfile) {
        let Some(person) = self.state.people.get_mut(&changed.member) else {
            return;
        };
        person.change(&changed.profile);
        self.show_person(cx, changed.member);
    }
}
