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
    if !exports.iter().any(|name| EXPORTS.iter().any(|export| name.starts_with(export))) {
        let exports = exports.join(", ");
        return Err(format!("exports neither rules nor an agent of roost:room, but: {exports}"));
    }
    let foreign: Vec<_> = imports.into_iter().filter(|name| !name.starts_with(PACKAGE)).collect();
    if target == Target::Unknown && !foreign.is_empty() {
        return Err(format!("imports more than roost:room: {}", foreign.join(", ")));
    }
    Ok(())
}

/// Names of imports and exports.
fn names(resolve: &Resolve, world: WorldId) -> Result<(Vec<String>, Vec<String>), String> {
    let world = resolve.worlds.get(world).ok_or("the description has no world")?;
    let name = |key: &WorldKey| resolve.name_world_key(key);
    Ok((world.imports.keys().map(name).collect(), world.exports.keys().map(name).collect()))
}
