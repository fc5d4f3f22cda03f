//! Kind `tally`, built for the frozen interface 0.1.0 as somebody built it who has not looked since.
//! The rules are those of `tests/guests/tally`, as text.

#[allow(
    missing_docs,
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/frozen/0.1.0",
        world: "room",
        generate_all,
    });
}
#[path = "../../tally/src/rules.rs"]
mod rules;

pub use rules::Tally;

use bindings::exports::roost::room::rules::Manifest;

fn manifest() -> Manifest {
    Manifest {
        kind: rules::KIND.to_owned(),
        state_version: rules::STATE_VERSION,
        pace: rules::PACE,
        durability: rules::DURABILITY,
        grace: 0,
        limits: rules::LIMITS,
        capabilities: Vec::new(),
        topics: rules::topics(),
    }
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, clippy::all, reason = "generated")]
const _: () = {
    bindings::export!(Tally with_types_in bindings);
};
