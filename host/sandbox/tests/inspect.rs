//! What is refused before anything is compiled, and how it is said.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may fail loudly"
)]

mod common;

use common::{SANDBOX, guest};
use roost_sandbox::{INTERFACES, LoadError, World, inspect};
use std::time::{Duration, Instant};

const MAX: usize = 32 * 1024 * 1024;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component that has an instance of this name among its exports, and these imports.
fn named(export: &str, imports: &[&str]) -> Vec<u8> {
    let imports: String = imports
        .iter()
        .map(|name| format!("(import \"{name}\" (instance))"))
        .collect();
    wat(&format!(
        "(component {imports} (instance $i) (export \"{export}\" (instance $i)))"
    ))
}

fn refused(bytes: &[u8], code: &str) -> String {
    let error = inspect(bytes, MAX).expect_err(code);
    assert_eq!(error.code(), code, "{error}");
    error.to_string()
}

#[test]
fn guests_pass() {
    for (name, wasi) in [("echo", false), ("rogue", false), ("rogue-wasi", true)] {
        let bytes = guest(name);
        let inspection = inspect(&bytes, MAX).unwrap();
        assert_eq!(
            (inspection.world, inspection.uses_wasi, inspection.size),
            (World::Room, wasi, bytes.len())
        );
        assert_eq!(inspection.memories, 1);
        assert!(
            inspection.functions > 10 && inspection.initial_memory >= 64 * 1024,
            "{inspection:?}"
        );
        assert!(
            inspection
                .exports
                .contains(&"roost:room/rules@0.2.0-dev".to_owned())
        );
    }
}

#[test]
fn garbage_and_halves() {
    refused(b"", "malformed");
    refused(b"\0asm", "malformed");
    refused(b"#!/bin/sh\necho hello\n", "malformed");
    let whole = guest("rogue");
    for part in [9, 100, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..part], "malformed");
    }
    let mut longer = whole.clone();
    longer.extend_from_slice(b"and more");
    refused(&longer, "malformed");
    for at in (8..whole.len()).step_by(whole.len() / 200) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        // Most are refused; a changed name or constant is not an error. None may panic.
        drop(inspect(&damaged, MAX));
    }
}

#[test]
fn a_core_module_is_told_what_it_is() {
    assert!(refused(&wat("(module (func))"), "not_a_component").contains("componentise"));
}

#[test]
fn size_limit() {
    let error = inspect(&guest("echo"), 1000).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { max: 1000, .. }));
}

#[test]
fn other_versions_say_which() {
    for version in [
        "0.0.9",
        "0.1.1",
        "0.2.0",
        "0.2.0-rc",
        "0.3.0",
        "0.3.0-dev",
        "1.0.0",
    ] {
        let expected = format!("needs roost:room@{version}, this host offers 0.1.0 and 0.2.0-dev");
        for interface in ["rules", "agent"] {
            let other = format!("roost:room/{interface}@{version}");
            assert_eq!(refused(&named(&other, &[]), "wrong_version"), expected);
        }
        let log = format!("roost:room/log@{version}");
        let imports = named("roost:room/rules@0.1.0", &[&log]);
        assert_eq!(refused(&imports, "wrong_version"), expected);
    }
    assert_eq!(
        refused(&named("roost:room/rules", &[]), "wrong_version"),
        "needs roost:room/rules without a version, this host offers 0.1.0 and 0.2.0-dev"
    );
}

#[test]
fn offered_versions_are_told_apart() {
    for interface in INTERFACES {
        for (name, world) in [("rules", World::Room), ("agent", World::Bot)] {
            let export = format!("roost:room/{name}@{interface}");
            let log = format!("roost:room/log@{interface}");
            let inspection = inspect(&named(&export, &[&log]), MAX).unwrap();
            assert_eq!((inspection.world, inspection.interface), (world, interface));
        }
    }
    // One that can speak with several hosts speaks the newest that it shares with this one.
    let several = INTERFACES.into_iter().rev().chain(["0.9.0"]);
    let exports: String = several
        .map(|version| format!("(export \"roost:room/rules@{version}\" (instance $i))"))
        .collect();
    let component = wat(&format!("(component (instance $i) {exports})"));
    let inspection = inspect(&component, MAX).unwrap();
    assert_eq!(Some(&inspection.interface), INTERFACES.last());
    assert_eq!(inspection.exports.len(), 3);
}

#[test]
fn foreign_imports_say_which() {
    let with = |import: &str| {
        refused(
            &named("roost:room/rules@0.1.0", &[import]),
            "foreign_import",
        )
    };
    assert_eq!(
        with("acme:db/query"),
        "imports acme:db/query, which this host does not offer; it offers roost:room/log of 0.1.0 and 0.2.0-dev, and wasi:*@0.2"
    );
    with("roost:room/secrets@0.1.0");
    with("wasi:cli/stdout@0.3.0");
    with("wasi:sockets/tcp");
    with("wasi");
    refused(
        &wat(
            "(component (import \"f\" (func)) (instance $i) (export \"roost:room/rules@0.1.0\" (instance $i)))",
        ),
        "foreign_import",
    );
}

#[test]
fn offered_imports_pass() {
    let imports = [
        "roost:room/log@0.1.0",
        "roost:room/types@0.1.0",
        "roost:room/log@0.2.0-dev",
        "wasi:sockets/tcp@0.2.0",
        "wasi:http/types@0.2.9",
    ];
    let inspection = inspect(&named("roost:room/rules@0.1.0", &imports), MAX).unwrap();
    assert_eq!(inspection.imports, imports);
    assert!(inspection.uses_wasi);
}

#[test]
fn worlds() {
    assert_eq!(
        inspect(&named("roost:room/agent@0.1.0", &[]), MAX)
            .unwrap()
            .world,
        World::Bot
    );
    assert_eq!(
        SANDBOX
            .load(named("roost:room/agent@0.1.0", &[]))
            .unwrap_err()
            .code(),
        "not_rules"
    );
    assert!(refused(&named("acme:db/query", &[]), "no_world").contains("acme:db/query"));
    assert!(refused(&wat("(component)"), "no_world").contains("nothing"));
    for interface in INTERFACES {
        let rules = format!("roost:room/rules@{interface}");
        let wrong_types = SANDBOX.load(named(&rules, &[])).unwrap_err();
        assert_eq!(wrong_types.code(), "wrong_types", "{wrong_types}");
    }
}

#[test]
fn switched_off_features() {
    for module in [
        "(module (memory 1 1 shared))",
        "(module (memory i64 1))",
        "(module (tag))",
        "(module (type (struct)))",
        "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))",
        "(module (func (param externref)))",
    ] {
        let component = format!("(component (core {}", module.strip_prefix('(').unwrap()) + ")";
        refused(&wat(&component), "malformed");
    }
}

#[test]
fn own_resources() {
    let component = r#"(component (type $r (resource (rep i32))) (core func $new (canon resource.new $r))
        (instance $i) (export "roost:room/rules@0.1.0" (instance $i)))"#;
    refused(&wat(component), "own_resources");
}

#[test]
fn too_much_of_anything() {
    let functions = "(func)".repeat(200_001);
    refused(
        &wat(&format!("(component (core module {functions}))")),
        "too_complex",
    );
    let long = "nop ".repeat(1024 * 1024);
    refused(
        &wat(&format!("(component (core module (func {long})))")),
        "too_complex",
    );
    refused(
        &wat(&format!("(component {})", "(core module)".repeat(200))),
        "too_complex",
    );
    let nested = "(component ".repeat(17) + &")".repeat(17);
    refused(&wat(&nested), "too_complex");
    refused(
        &wat("(component (core module (func (local i32)) (func (result i32))))"),
        "malformed",
    );
}

/// Inputs that are allowed and hard on a compiler: it must neither crash nor take for ever.
#[test]
fn hostile_but_allowed_input_compiles_or_is_refused() {
    let blocks = "block ".repeat(200_000) + &"end ".repeat(200_000);
    let nested = format!("(func {blocks})");
    let operands = format!(
        "(func (result i32) i32.const 0 {})",
        "i32.const 1 i32.add ".repeat(200_000)
    );
    let locals = format!(
        "(func {} {})",
        "(local i64)".repeat(1000),
        "local.get 1 local.set 2 ".repeat(100_000)
    );
    let branches = format!(
        "(func (param i32) block local.get 0 br_table {} end)",
        "0 ".repeat(200_000)
    );
    for (name, fields) in [
        ("nested", nested),
        ("operands", operands),
        ("locals", locals),
        ("branches", branches),
    ] {
        let module = format!("(core module {fields})");
        let rules = "(instance $i) (export \"roost:room/rules@0.1.0\" (instance $i))";
        let bytes = wat(&format!("(component {module} {rules})"));
        let begun = Instant::now();
        // It is compiled before anybody sees that its exports have the wrong types.
        let error = SANDBOX.load(bytes).unwrap_err();
        println!("{name}: {} after {:?}", error.code(), begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(120), "{name}");
        let expected = ["wrong_types", "not_compiled"].contains(&error.code());
        assert!(expected, "{name}: {error}");
    }
}
