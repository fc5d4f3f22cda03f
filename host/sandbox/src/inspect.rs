//! Reading an upload before anything is compiled: is it whole, is it valid, what does it need.

use crate::error::LoadError;
use crate::interface::{self, INTERFACES};
use roost_room::ProgramHash;
use sha2::{Digest, Sha256};
use wasmparser::{
    CanonicalFunction, ComponentExport, ComponentExternalKind, ComponentImport, ComponentType,
    Encoding, FuncValidatorAllocations, FunctionBody, MemoryType, Parser, Payload, SectionLimited,
    ValidPayload, Validator, WasmFeatures,
};

/// Exactly what may be used; both engines are set to the same. No threads, no relaxed SIMD (its
/// results differ between machines), no 64-bit memories, no garbage collection, no exceptions.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Functions in all of a component. CPython has about 20,000.
const MAX_FUNCTIONS: u64 = 200_000;
/// Bytes of one function. The compiler's effort can grow faster than the size of a single function;
/// the largest in use, main loops of interpreters, are a third of this.
const MAX_FUNCTION_BYTES: u64 = 1024 * 1024;
/// Core modules and components, nested ones included.
const MAX_PARTS: u64 = 200;
/// Components within components.
const MAX_DEPTH: u64 = 16;
/// Bytes in one page of memory.
const PAGE: u64 = 64 * 1024;

/// What bytes are, by their header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A component.
    Component,
    /// A core module. No world takes one yet.
    Module,
}

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// It rules rooms: exports `roost:room/rules`.
    Room,
    /// It plays in them: exports `roost:room/agent`.
    Bot,
}

/// What an upload says about itself without being run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Hash of the upload.
    pub sha256: ProgramHash,
    /// Its bytes.
    pub size: usize,
    /// What it is for.
    pub world: World,
    /// The version of `roost:room` that it was built for, one of [`crate::INTERFACES`].
    pub interface: &'static str,
    /// Everything it imports, by versioned name, in order.
    pub imports: Vec<String>,
    /// Everything it exports, by versioned name, in order.
    pub exports: Vec<String>,
    /// Whether any import is of the packages `wasi:*`.
    pub uses_wasi: bool,
    /// Functions in all its core modules.
    pub functions: u64,
    /// Linear memories its core modules define.
    pub memories: u64,
    /// Bytes those memories start with, together.
    pub initial_memory: u64,
}

/// Read an upload of at most `max` bytes. Nothing is compiled or run.
///
/// # Errors
/// The first thing found that speaks against it.
pub fn inspect(bytes: &[u8], max: usize) -> Result<Inspection, LoadError> {
    if bytes.len() > max {
        return Err(LoadError::TooLarge {
            size: bytes.len(),
            max,
        });
    }
    if form(bytes)? == Form::Module {
        return Err(LoadError::NotAComponent);
    }
    let mut reader = Reader::default();
    reader.read(bytes)?;
    let (world, interface) = world(&reader.exports)?;
    for import in &reader.imports {
        check_import(import)?;
    }
    if reader.own_resources {
        return Err(LoadError::OwnResources);
    }
    Ok(Inspection {
        sha256: ProgramHash(Sha256::digest(bytes).into()),
        size: bytes.len(),
        world,
        interface,
        uses_wasi: reader
            .imports
            .iter()
            .any(|import| import.starts_with("wasi:")),
        imports: reader.imports,
        exports: reader.exports,
        functions: reader.functions,
        memories: reader.memories,
        initial_memory: reader.initial_memory,
    })
}

/// What the first bytes say it is.
///
/// # Errors
/// [`LoadError::Malformed`]: neither of the two.
pub fn form(bytes: &[u8]) -> Result<Form, LoadError> {
    if Parser::is_component(bytes) {
        Ok(Form::Component)
    } else if Parser::is_core_wasm(bytes) {
        Ok(Form::Module)
    } else {
        Err(LoadError::Malformed(
            "it does not begin like a component".to_owned(),
        ))
    }
}

/// What is collected while an upload is read once, front to back.
#[derive(Default)]
struct Reader {
    depth: u64,
    parts: u64,
    functions: u64,
    memories: u64,
    initial_memory: u64,
    own_resources: bool,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut validator = Validator::new_with_features(FEATURES);
        let mut allocations = FuncValidatorAllocations::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(malformed)?;
            self.note(&payload)?;
            if let ValidPayload::Func(function, body) =
                validator.payload(&payload).map_err(malformed)?
            {
                self.function(&body)?;
                let mut function = function.into_validator(allocations);
                function.validate(&body).map_err(malformed)?;
                allocations = function.into_allocations();
            }
        }
        Ok(())
    }

    /// Count what is counted and keep the names at the outermost level.
    fn note(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => {
                self.depth += 1;
                self.parts += 1;
                bound("modules and components", self.parts, MAX_PARTS)?;
                if *encoding == Encoding::Component {
                    bound("components within components", self.depth, MAX_DEPTH)?;
                }
            }
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::MemorySection(memories) => self.memories(memories)?,
            Payload::ComponentTypeSection(types) => {
                for ty in types.clone() {
                    self.own_resources |=
                        matches!(ty.map_err(malformed)?, ComponentType::Resource { .. });
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    self.own_resources |= matches!(
                        function.map_err(malformed)?,
                        CanonicalFunction::ResourceNew { .. }
                    );
                }
            }
            Payload::ComponentImportSection(imports) if self.depth == 1 => self.imports(imports)?,
            Payload::ComponentExportSection(exports) if self.depth == 1 => self.exports(exports)?,
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), LoadError> {
        self.functions += 1;
        bound("functions", self.functions, MAX_FUNCTIONS)?;
        bound(
            "bytes in one function",
            body.as_bytes().len() as u64,
            MAX_FUNCTION_BYTES,
        )
    }

    fn memories(&mut self, memories: &SectionLimited<'_, MemoryType>) -> Result<(), LoadError> {
        for memory in memories.clone() {
            let memory = memory.map_err(malformed)?;
            self.memories += 1;
            self.initial_memory = self
                .initial_memory
                .saturating_add(memory.initial.saturating_mul(PAGE));
        }
        Ok(())
    }

    fn imports(
        &mut self,
        imports: &SectionLimited<'_, ComponentImport<'_>>,
    ) -> Result<(), LoadError> {
        for import in imports.clone() {
            self.imports
                .push(import.map_err(malformed)?.name.name.to_owned());
        }
        Ok(())
    }

    fn exports(
        &mut self,
        exports: &SectionLimited<'_, ComponentExport<'_>>,
    ) -> Result<(), LoadError> {
        for export in exports.clone() {
            let export = export.map_err(malformed)?;
            if export.kind == ComponentExternalKind::Instance {
                self.exports.push(export.name.name.to_owned());
            }
        }
        Ok(())
    }
}

/// What the exports make of a component, and by which version; others beside them are tolerated.
fn world(exports: &[String]) -> Result<(World, &'static str), LoadError> {
    let mut other = None;
    for (name, world) in [
        ("roost:room/rules", World::Room),
        ("roost:room/agent", World::Bot),
    ] {
        let ours = || exports.iter().filter(|export| base(export) == name);
        let versions: Vec<&str> = ours().filter_map(|export| version(export)).collect();
        // The newest, should it have several.
        let mut offered = INTERFACES.into_iter().rev();
        if let Some(interface) = offered.find(|offered| versions.contains(offered)) {
            return Ok((world, interface));
        }
        other = ours().next_back().or(other);
    }
    Err(match other {
        Some(export) => wrong_version(export),
        None => {
            let found = if exports.is_empty() {
                "nothing".to_owned()
            } else {
                exports.join(", ")
            };
            LoadError::NoWorld {
                offered: interface::list(),
                found,
            }
        }
    })
}

/// Whether the host has what is imported.
fn check_import(import: &str) -> Result<(), LoadError> {
    let version = version(import);
    let base = base(import);
    let is_wasi = base
        .strip_prefix("wasi:")
        .is_some_and(|rest| rest.contains('/'));
    match base {
        "roost:room/log" | "roost:room/types" => {
            let offered = version.is_some_and(|version| INTERFACES.contains(&version));
            offered.then_some(()).ok_or_else(|| wrong_version(import))
        }
        _ if is_wasi && version.is_some_and(|version| version.starts_with("0.2.")) => Ok(()),
        _ => Err(LoadError::Import {
            import: import.to_owned(),
            offered: interface::list(),
        }),
    }
}

/// It names an interface of ours, in a version that is not offered.
fn wrong_version(name: &str) -> LoadError {
    LoadError::Version {
        needed: match version(name) {
            Some(version) => format!("roost:room@{version}"),
            None => format!("{name} without a version"),
        },
        offered: interface::list(),
    }
}

/// `ns:package/interface` of `ns:package/interface@version`.
pub(crate) fn base(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

fn version(name: &str) -> Option<&str> {
    name.split_once('@').map(|(_, version)| version)
}

fn bound(what: &str, number: u64, max: u64) -> Result<(), LoadError> {
    if number <= max {
        return Ok(());
    }
    Err(LoadError::TooComplex {
        what: format!("{number} {what}"),
        max,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn malformed(error: wasmparser::Error) -> LoadError {
    LoadError::Malformed(error.to_string())
}
