//! Random numbers out of the call's seed.

use super::Overuse;
use crate::host::Host;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

/// SplitMix64: short, and the same everywhere.
#[derive(Debug)]
pub(super) struct SplitMix(u64);

impl SplitMix {
    /// Different streams of one seed do not overlap in practice.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut start = Self(seed ^ stream.rotate_right(8));
        Self(start.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

impl Host {
    fn random_len(&mut self, len: u64) -> wasmtime::Result<usize> {
        self.wasi.charge(len)?;
        usize::try_from(len).map_err(|_| Overuse::Budget.into())
    }
}

impl random::Host for Host {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let len = self.random_len(len)?;
        Ok(self.wasi.secure.bytes(len))
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.wasi.charge(8)?;
        Ok(self.wasi.secure.next())
    }
}

impl insecure::Host for Host {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let len = self.random_len(len)?;
        Ok(self.wasi.insecure.bytes(len))
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.wasi.charge(8)?;
        Ok(self.wasi.insecure.next())
    }
}

impl insecure_seed::Host for Host {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.wasi.charge(16)?;
        let mut seed = SplitMix::new(self.wasi.seed, 2);
        Ok((seed.next(), seed.next()))
    }
}
