//! The macros that make a component of a type.

/// Make a component of world `room` of a type that implements [`Rules`](crate::Rules).
///
/// Once per crate, whose crate type includes `cdylib`. Outside of wasm it produces nothing, so any
/// number of such crates may be linked into one test.
#[macro_export]
macro_rules! export {
    ($rules:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, clippy::all, reason = "generated")]
        const _: () = {
            use $crate::__private::room::exports::roost::room::rules::Guest;
            use $crate::types;

            ::std::thread_local! {
                static SLOT: $crate::__private::Slot<$rules> =
                    const { $crate::__private::Slot::new() };
            }

            struct Component;

            impl Guest for Component {
                fn describe() -> types::Manifest {
                    $crate::__private::Slot::<$rules>::describe()
                }

                fn init(
                    config: types::RoomConfig,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    SLOT.with(|slot| slot.init(&config))
                }

                fn restore(
                    config: types::RoomConfig,
                    meta: types::SnapshotMeta,
                    state: ::std::vec::Vec<u8>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    SLOT.with(|slot| slot.restore(&config, &meta, &state))
                }

                fn handle(
                    ctx: types::Context,
                    events: ::std::vec::Vec<types::Event>,
                ) -> ::std::vec::Vec<types::Effect> {
                    SLOT.with(|slot| slot.handle(ctx, events))
                }

                fn snapshot() -> ::std::vec::Vec<u8> {
                    SLOT.with(|slot| slot.snapshot())
                }
            }

    $crate::__private::room::export_room!(Component with_types_in $crate::__private::room);
        };
    };
}

/// Make a component of world `bot` of a type that implements [`Agent`](crate::Agent).
///
/// As [`export!`](crate::export!) otherwise.
#[macro_export]
macro_rules! export_agent {
    ($agent:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, clippy::all, reason = "generated")]
        const _: () = {
            use $crate::__private::bot::exports::roost::room::agent::Guest;
            use $crate::types;

            ::std::thread_local! {
                static SLOT: $crate::__private::AgentSlot<$agent> =
                    const { $crate::__private::AgentSlot::new() };
            }

            struct Component;

            impl Guest for Component {
                fn init(
                    config: types::AgentConfig,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    SLOT.with(|slot| slot.init(&config))
                }

                fn observe(
                    ctx: types::Context,
                    seen: ::std::vec::Vec<types::Heard>,
                ) -> ::std::vec::Vec<types::Packet> {
                    SLOT.with(|slot| slot.observe(ctx, seen))
                }
            }

    $crate::__private::bot::export_bot!(Component with_types_in $crate::__private::bot);
        };
    };
}
