//! From module to component, and whether it is what a guest may be.

use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldId, WorldKey};

use super::discover::Target;

/// What all names of our interfaces begin with.
const PACKAGE: &str = "roost:room/";

/// The interfaces of which a guest exports one.
const EXPORTS: [&str; 2] = ["roost:room/rules@", "roost:room/agent@"];

/// Make a component of a module, by the description that the SDK put into it.
pub(super) fn from_module(module: &[u8]) -> Result<Vec<u8>, String> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| format!("is no component: {error:#}"))
}

/// See that it exports rules or an agent, and, unless it is built for WASI, that it imports
/// nothing but our package.
pub(super) fn check(component: &[u8], target: Target) -> Result<(), String> {
    let decoded = wit_component::decode(component).map_err(|error| format!("{error:#}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err("is a description, not a component".to_owned());
    };
    let (imports, exports) = names(&resolve, world)?;
    if !exports
        .iter()
        .any(|name| EXPORTS.iter().any(|export| name.starts_with(export)))
    {
        let exports = exports.join(", ");
        return Err(format!(
            "exports neither rules nor an agent of roost:room, but: {exports}"
        ));
    }
    let foreign: Vec<_> = imports
        .into_iter()
        .filter(|name| !name.starts_with(PACKAGE))
        .collect();
    if target == Target::Unknown && !foreign.is_empty() {
        return Err(format!(
            "imports more than roost:room: {}",
            foreign.join(", ")
        ));
    }
    Ok(())
}

/// Names of imports and exports.
fn names(resolve: &Resolve, world: WorldId) -> Result<(Vec<String>, Vec<String>), String> {
    let world = resolve
        .worlds
        .get(world)
        .ok_or("the description has no world")?;
    let name = |key: &WorldKey| resolve.name_world_key(key);
    Ok((
        world.imports.keys().map(name).collect(),
        world.exports.keys().map(name).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::{Target, check, from_module};

    const RULES: &str = r#"(instance $i) (export "roost:room/rules@0.1.0" (instance $i))"#;
    const LOG: &str = r#"(import "roost:room/log@0.1.0" (instance))"#;
    const WASI: &str = r#"(import "wasi:cli/environment@0.2.6" (instance))"#;

    fn checked(parts: &[&str], target: Target) -> Result<(), String> {
        let component = wat::parse_str(format!("(component {})", parts.concat())).unwrap();
        check(&component, target)
    }

    #[test]
    fn our_package_alone_may_be_imported() {
        assert_eq!(checked(&[LOG, RULES], Target::Unknown), Ok(()));
        let error = checked(&[LOG, WASI, RULES], Target::Unknown).unwrap_err();
        assert!(
            error.contains("wasi:cli/environment@0.2.6") && !error.contains("log"),
            "{error}"
        );
        assert_eq!(checked(&[LOG, WASI, RULES], Target::Wasip2), Ok(()));
    }

    #[test]
    fn rules_or_an_agent_must_be_exported() {
        let agent = RULES.replace("rules", "agent");
        assert_eq!(checked(&[&agent], Target::Unknown), Ok(()));
        let error = checked(&[&RULES.replace("rules", "ruins")], Target::Unknown).unwrap_err();
        assert!(error.contains("roost:room/ruins@0.1.0"), "{error}");
    }

    #[test]
    fn what_is_no_component_is_refused() {
        assert!(check(b"nothing of the sort", Target::Wasip2).is_err());
        assert!(check(&wat::parse_str("(module)").unwrap(), Target::Wasip2).is_err());
        assert!(from_module(b"nothing of the sort").is_err());
    }
}
