//! What wasmtime generates from `wit/`: borrowed on the way in, owned on the way out.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "room",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use exports::roost::room::rules;
pub(crate) use roost::room::{log, types};
