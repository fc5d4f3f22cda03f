//! The guests that come with the server.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
