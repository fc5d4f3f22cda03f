//! Maps and sets whose order is part of the state.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use indexmap::{IndexMap, IndexSet};

/// A hash map in the order of insertion, with a hasher of fixed seed.
///
/// Iteration follows the order of insertion, whatever was allocated before, and serialises in that
/// order, so a restored map goes on exactly like the one that was written. `swap_remove` is quick
/// and puts the last entry in the gap; `shift_remove` keeps the order and takes linear time.
/// Sorted iteration is a `BTreeMap`'s.
pub type FixedMap<K, V> = IndexMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// The set that goes with [`FixedMap`].
pub type FixedSet<T> = IndexSet<T, BuildHasherDefault<DefaultHasher>>;
