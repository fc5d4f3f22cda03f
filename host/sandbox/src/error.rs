//! Why an upload is refused.

use roost_room::{Fault, ManifestError};
use thiserror::Error;

/// Why a program was not loaded. Nothing that runs is touched by it.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Over the size limit.
    #[error("{size} bytes are over the limit of {max}")]
    TooLarge {
        /// Bytes uploaded.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Damaged, cut off, or no WebAssembly at all; or it uses a feature that is switched off.
    #[error("not valid WebAssembly: {0}")]
    Malformed(String),
    /// A core module.
    #[error(
        "a core WebAssembly module, not a component; componentise it (`cargo xtask guests`, `wasm-tools component new`)"
    )]
    NotAComponent,
    /// More code of a sort than the compiler is given.
    #[error("too complex: {what} are over the limit of {max}")]
    TooComplex {
        /// What there is too much of, with its number.
        what: String,
        /// How many are allowed.
        max: u64,
    },
    /// It defines resources, whose handles the host could not bound.
    #[error("defines resources of its own, which rules may not")]
    OwnResources,
    /// It exports neither rules nor an agent.
    #[error(
        "exports neither roost:room/rules nor roost:room/agent, which this host takes of {offered}; it exports {found}"
    )]
    NoWorld {
        /// The versions of the interface that this host has.
        offered: String,
        /// What is exported instead.
        found: String,
    },
    /// Built for another version of the interface.
    #[error("needs {needed}, this host offers {offered}")]
    Version {
        /// The package and version it names.
        needed: String,
        /// The versions that this host has.
        offered: String,
    },
    /// It wants something that rules do not get.
    #[error(
        "imports {import}, which this host does not offer; it offers roost:room/log of {offered}, and wasi:*@0.2"
    )]
    Import {
        /// What it imports.
        import: String,
        /// The versions of the interface that this host has.
        offered: String,
    },
    /// A bot, where rules are wanted.
    #[error("a bot (it exports roost:room/agent), not the rules of a room")]
    NotRules,
    /// The compiler gave up.
    #[error("cannot be compiled: {0}")]
    Compile(String),
    /// Imports or exports have the right names and other types.
    #[error("does not fit the interface: {0}")]
    Link(String),
    /// It does not say what it is.
    #[error("`describe` failed: {0}")]
    Describe(Fault),
    /// Its manifest contradicts itself.
    #[error("its manifest is refused: {0}")]
    Manifest(#[from] ManifestError),
    /// It asks for more memory than the operator gives, or starts with more than it asks for.
    #[error("needs {asked} KiB of memory, and {max} are allowed")]
    Memory {
        /// KiB needed.
        asked: u64,
        /// KiB allowed.
        max: u64,
    },
    /// Too many uploads wait already.
    #[error("the compiler has {0} programs waiting; try again later")]
    Busy(usize),
    /// The sandbox was dropped.
    #[error("the server is shutting down")]
    Stopped,
    /// The engine cannot be set up on this machine.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
    /// The cache directory cannot be used.
    #[error("the cache of compiled programs: {0}")]
    Io(#[from] std::io::Error),
}

impl LoadError {
    /// A word for programs: stable, lower case, with underscores.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
            Self::NotAComponent => "not_a_component",
            Self::TooComplex { .. } => "too_complex",
            Self::OwnResources => "own_resources",
            Self::NoWorld { .. } => "no_world",
            Self::Version { .. } => "wrong_version",
            Self::Import { .. } => "foreign_import",
            Self::NotRules => "not_rules",
            Self::Compile(_) => "not_compiled",
            Self::Link(_) => "wrong_types",
            Self::Describe(_) => "describe_failed",
            Self::Manifest(_) => "bad_manifest",
            Self::Memory { .. } => "too_much_memory",
            Self::Busy(_) => "busy",
            Self::Stopped => "stopped",
            Self::Engine(_) => "engine",
            Self::Io(_) => "io",
        }
    }
}
