//! Giving a call up.

/// Give up the call: everything it wanted is discarded and the room is rebuilt without the event.
/// `text` goes to the operator's log. For states that must not be, where going on would be worse;
/// a wrong message from a client is better just ignored.
///
/// # Panics
/// Always: a panic is what ends a call of a component.
#[allow(clippy::panic, reason = "ending the call is its purpose")]
pub fn fault(text: &str) -> ! {
    panic!("{text}")
}
