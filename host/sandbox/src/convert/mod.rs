//! Between the kernel's types and those of the interface. Payloads are borrowed on the way in and
//! moved on the way out: the copy into and out of the guest's memory is the only one.

mod effect;
mod event;
mod json;
mod manifest;
mod topics;

pub(crate) use effect::effects;
pub(crate) use event::{bans, context, events};
pub(crate) use manifest::manifest;
pub(crate) use topics::Topics;
