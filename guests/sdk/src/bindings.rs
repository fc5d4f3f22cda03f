//! What `wit-bindgen` makes of `wit/`: both worlds over one set of types. Private but for the
//! types that [`crate::types`] re-exports and the two export macros that [`crate::export!`] and
//! [`crate::export_agent!`] call.

/// World `room`.
pub mod room {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "room",
        additional_derives: [PartialEq],
        generate_unused_types: true,
        pub_export_macro: true,
        export_macro_name: "export_room",
        default_bindings_module: "roost_sdk::__private::room",
    });
}

/// World `bot`, over the types of world `room`.
pub mod bot {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "bot",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_bot",
        default_bindings_module: "roost_sdk::__private::bot",
        with: {
            "roost:room/types@0.2.0-dev": crate::bindings::room::roost::room::types,
            "roost:room/log@0.2.0-dev": crate::bindings::room::roost::room::log,
        },
    });
}
