//! Between the host's types and those of the SDK, field by field.

mod effect;
mod event;
mod manifest;
mod start;
mod topics;

pub(crate) use effect::effects;
pub(crate) use event::events;
pub(crate) use manifest::manifest;
pub(crate) use start::{config, context, meta};
pub(crate) use topics::Topics;
