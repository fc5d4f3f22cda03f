//! Settings: one typed tree, read from flags, environment, file and defaults, and checked as a whole.

pub mod admin;
pub mod check;
pub mod listen;
pub mod mpp;
pub mod secret;
mod show;
pub mod sources;
pub mod tree;
pub mod units;

pub use admin::AdminConfig;
pub use check::{ConfigError, Loaded, Problem, load};
pub use mpp::MppConfig;
pub use sources::{Flags, Sources};
pub use tree::Config;
