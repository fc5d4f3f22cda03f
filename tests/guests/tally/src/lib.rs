//! Kind `tally`, built for the version of the interface that is in work. Its twin `tally-0-1-0` is
//! the same rules, as text, built for a frozen one.
//!
//! Neither uses the SDK, which knows the newest version only.

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
        path: "../../../wit",
        world: "room",
        generate_all,
    });
}
mod rules;

pub use rules::Tally;

use bindings::exports::roost::room::rules::Manifest;

/// The name of this version, filled up with `~`. Tests write others over it in the component.
static RELEASE: [u8; 80] =
    *b"2.0.0~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~";

fn manifest() -> Manifest {
    // Otherwise the compiler might see through it and keep the five bytes alone.
    let release = String::from_utf8_lossy(std::hint::black_box(&RELEASE));
    Manifest {
        kind: rules::KIND.to_owned(),
        state_version: rules::STATE_VERSION,
        pace: rules::PACE,
        durability: rules::DURABILITY,
        grace: 0,
        limits: rules::LIMITS,
        capabilities: Vec::new(),
        topics: rules::topics(),
        release: Some(release.trim_end_matches('~').to_owned()),
    }
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, clippy::all, reason = "generated")]
const _: () = {
    bindings::export!(Tally with_types_in bindings);
};
