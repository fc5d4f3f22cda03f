//! What clients say and are told, as JSON.

use roost_sdk::types::MemberId;
use serde::{Deserialize, Serialize};

use crate::state::Seat;

/// Topic `add`.
#[derive(Debug, Deserialize)]
pub(crate) struct Add {
    /// Chosen by the client, new for each addition.
    pub(crate) id: String,
    pub(crate) by: i32,
}

/// Topic `added`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Added {
    /// Also for an id that was counted before.
    Total { id: String, total: i64 },
    /// Nothing was counted.
    Error { error: String },
}

/// Topic `total`, and the answer to the signal of that name.
#[derive(Debug, Serialize)]
pub(crate) struct Total {
    pub(crate) total: i64,
}

/// Topic `remind`.
#[derive(Debug, Deserialize)]
pub(crate) struct Remind {
    /// Milliseconds.
    pub(crate) after: u32,
    pub(crate) id: u32,
}

/// Topic `reminded`.
#[derive(Debug, Serialize)]
pub(crate) struct Reminded {
    pub(crate) id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'static str>,
}

/// Topic `name`.
#[derive(Debug, Deserialize)]
pub(crate) struct Name {
    pub(crate) name: String,
    /// 0xRRGGBB.
    pub(crate) color: u32,
}

/// Topic `person`, and part of `state`.
#[derive(Debug, Serialize)]
pub(crate) struct Person<'a> {
    member: MemberId,
    seat: u32,
    user: &'a str,
    name: &'a str,
    color: u32,
}

impl<'a> Person<'a> {
    pub(crate) fn of(member: MemberId, seat: &'a Seat) -> Self {
        let Seat {
            seat,
            user,
            name,
            color,
        } = seat;
        Self {
            member,
            seat: *seat,
            user,
            name,
            color: *color,
        }
    }
}

/// Topic `state`.
#[derive(Debug, Serialize)]
pub(crate) struct State<'a> {
    pub(crate) total: i64,
    /// The receiver's own.
    pub(crate) member: MemberId,
    pub(crate) seat: u32,
    /// Whether the host sends what the connection missed.
    pub(crate) resumed: bool,
    pub(crate) people: Vec<Person<'a>>,
}
