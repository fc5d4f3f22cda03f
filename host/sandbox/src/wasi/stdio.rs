//! Standard streams: output becomes lines of the log, input is empty. A stream's handle is its number.

use super::{WORDS, refused};
use crate::host::Host;
use crate::log::{LINE_BYTES, RoomLog};
use roost_room::LogLevel;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::bindings::sync::io::{error, poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

const STDIN: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
const READY: u32 = 3;
/// Bytes taken by one write, as elsewhere.
const PERMIT: u64 = 4096;

/// One output stream, cut into lines.
#[derive(Debug)]
pub(super) struct Lines {
    level: LogLevel,
    line: Vec<u8>,
    words: Vec<u8>,
}

impl Lines {
    pub(super) fn new(level: LogLevel) -> Self {
        Self {
            level,
            line: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Take bytes. What is over a line's length is dropped up to the end of the line.
    pub(super) fn write(&mut self, bytes: &[u8], log: &mut RoomLog) {
        keep(&mut self.words, bytes, WORDS);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.split_last() {
                Some((b'\n', rest)) => {
                    keep(&mut self.line, rest, LINE_BYTES);
                    self.flush(log);
                }
                _ => keep(&mut self.line, part, LINE_BYTES),
            }
        }
    }

    /// Write the line begun, unless there is nothing in it.
    pub(super) fn flush(&mut self, log: &mut RoomLog) {
        if !self.line.is_empty() {
            log.write(self.level, &String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }

    pub(super) fn forget(&mut self) {
        self.words.clear();
    }

    pub(super) fn take_words(&mut self) -> Option<String> {
        let words = std::mem::take(&mut self.words);
        (!words.is_empty()).then(|| String::from_utf8_lossy(&words).into_owned())
    }
}

/// Append as far as there is room.
fn keep(buffer: &mut Vec<u8>, bytes: &[u8], max: usize) {
    let room = max.saturating_sub(buffer.len()).min(bytes.len());
    buffer.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

impl Host {
    fn print(&mut self, stream: &Resource<DynOutputStream>, bytes: &[u8]) -> StreamResult<()> {
        self.wasi
            .charge(bytes.len() as u64)
            .map_err(StreamError::Trap)?;
        let lines = if stream.rep() == STDERR {
            &mut self.wasi.err
        } else {
            &mut self.wasi.out
        };
        lines.write(bytes, &mut self.log);
        Ok(())
    }

    fn zeroes(&mut self, len: u64) -> StreamResult<()> {
        if len > PERMIT {
            return Err(StreamError::trap("more zeroes than check-write allows"));
        }
        // Nobody wants to read them.
        self.wasi.charge(len).map_err(StreamError::Trap)
    }

    fn always_ready(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        self.wasi.open_handle().map(|()| Resource::new_own(READY))
    }

    fn charge_stream(&mut self) -> StreamResult<()> {
        self.wasi.charge(0).map_err(StreamError::Trap)
    }
}

impl streams::Host for Host {
    fn convert_stream_error(
        &mut self,
        error: StreamError,
    ) -> wasmtime::Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            StreamError::LastOperationFailed(error) | StreamError::Trap(error) => Err(error),
        }
    }
}

impl streams::HostOutputStream for Host {
    fn check_write(&mut self, _: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.charge_stream().map(|()| PERMIT)
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.print(&stream, &bytes)
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.print(&stream, &bytes)
    }

    fn flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        self.charge_stream()
    }

    fn blocking_flush(&mut self, _: Resource<DynOutputStream>) -> StreamResult<()> {
        self.charge_stream()
    }

    fn subscribe(
        &mut self,
        _: Resource<DynOutputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.always_ready()
    }

    fn write_zeroes(&mut self, _: Resource<DynOutputStream>, len: u64) -> StreamResult<()> {
        self.zeroes(len)
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        _: Resource<DynOutputStream>,
        len: u64,
    ) -> StreamResult<()> {
        self.zeroes(len)
    }

    fn splice(
        &mut self,
        _: Resource<DynOutputStream>,
        _: Resource<DynInputStream>,
        _: u64,
    ) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    fn blocking_splice(
        &mut self,
        _: Resource<DynOutputStream>,
        _: Resource<DynInputStream>,
        _: u64,
    ) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    fn drop(&mut self, _: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        self.wasi.close_handle();
        Ok(())
    }
}

// Standard input is at its end from the start: reading, even with waiting, says so at once.
impl streams::HostInputStream for Host {
    fn read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        Err(StreamError::Closed)
    }

    fn blocking_read(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<Vec<u8>> {
        Err(StreamError::Closed)
    }

    fn skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    fn blocking_skip(&mut self, _: Resource<DynInputStream>, _: u64) -> StreamResult<u64> {
        Err(StreamError::Closed)
    }

    fn subscribe(
        &mut self,
        _: Resource<DynInputStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.always_ready()
    }

    fn drop(&mut self, _: Resource<DynInputStream>) -> wasmtime::Result<()> {
        self.wasi.close_handle();
        Ok(())
    }
}

impl error::Host for Host {}

// No call ever gives an error of this sort out.
impl error::HostError for Host {
    fn to_debug_string(&mut self, _: Resource<wasmtime::Error>) -> wasmtime::Result<String> {
        refused("an error")
    }

    fn drop(&mut self, _: Resource<wasmtime::Error>) -> wasmtime::Result<()> {
        Ok(())
    }
}

// The only pollables are those of streams, which are always ready: C libraries ask before they
// write. Nothing here waits.
impl poll::Host for Host {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.wasi.charge(pollables.len() as u64)?;
        if pollables.is_empty() {
            return refused("polling nothing");
        }
        Ok((0..).zip(&pollables).map(|(place, _)| place).collect())
    }
}

impl poll::HostPollable for Host {
    fn ready(&mut self, _: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.wasi.charge(0).map(|()| true)
    }

    fn block(&mut self, _: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wasi.charge(0)
    }

    fn drop(&mut self, _: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wasi.close_handle();
        Ok(())
    }
}

impl stdin::Host for Host {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        self.wasi.open_handle().map(|()| Resource::new_own(STDIN))
    }
}

impl stdout::Host for Host {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.wasi.open_handle().map(|()| Resource::new_own(STDOUT))
    }
}

impl stderr::Host for Host {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.wasi.open_handle().map(|()| Resource::new_own(STDERR))
    }
}

impl terminal_input::Host for Host {}

impl terminal_input::HostTerminalInput for Host {
    fn drop(&mut self, _: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl terminal_output::Host for Host {}

impl terminal_output::HostTerminalOutput for Host {
    fn drop(&mut self, _: Resource<terminal_output::TerminalOutput>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl terminal_stdin::Host for Host {
    fn get_terminal_stdin(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for Host {
    fn get_terminal_stdout(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for Host {
    fn get_terminal_stderr(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl environment::Host for Host {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        self.wasi.charge(0).map(|()| Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        self.wasi.charge(0).map(|()| Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl exit::Host for Host {
    fn exit(&mut self, _: Result<(), ()>) -> wasmtime::Result<()> {
        refused("exit")
    }

    fn exit_with_code(&mut self, _: u8) -> wasmtime::Result<()> {
        refused("exit")
    }
}
