//! Uploaded WebAssembly components in, rules of rooms out.

mod bindings;
