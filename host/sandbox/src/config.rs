//! What the operator may choose.

use roost_room::CallLimits;
use std::path::PathBuf;
use std::time::Duration;

/// How a [`crate::Sandbox`] is set up. Every field has a default.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where compiled programs are kept. Belongs to the server alone; made with mode 0700. `None`: nowhere.
    pub cache_dir: Option<PathBuf>,
    /// Largest upload, in bytes.
    pub max_upload: usize,
    /// Memory of a room whose manifest does not ask for any, in bytes.
    pub memory: usize,
    /// Most memory a manifest may ask for, in bytes.
    pub memory_max: usize,
    /// Programs of more bytes than this run on the engine that shares initial memory between instances.
    pub big_component: usize,
    /// … and so do programs whose memories start larger than this, in bytes.
    pub big_memory: usize,
    /// Uploads that may wait for the compiler; more are refused.
    pub queue: usize,
    /// What `describe`, and starting an instance, may cost.
    pub describe: CallLimits,
    /// Memory maps that instances may use together. `None`: what `vm.max_map_count` leaves.
    pub max_maps: Option<u64>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            cache_dir: None,
            max_upload: 32 * MIB,
            memory: 64 * MIB,
            memory_max: 256 * MIB,
            big_component: 4 * MIB,
            big_memory: 8 * MIB,
            queue: 16,
            describe: CallLimits {
                fuel: 500_000_000,
                deadline: Some(Duration::from_secs(1)),
                output: 64 * 1024,
                log: true,
            },
            max_maps: None,
        }
    }
}
