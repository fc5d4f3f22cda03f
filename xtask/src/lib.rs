//! Chores of this workspace, as a library so that build scripts can do them, too.

pub mod freeze;
pub mod guests;

/// Lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
