//! What somebody who waits at a terminal sees: a line that says what is going on, and for how long.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::AuthorError;

/// A moving line on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begin, with what is done first.
    pub(crate) fn start(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    /// Say what is done now.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// Run a program to its end, its last line shown meanwhile; what it said is in the error if it fails.
    pub(crate) fn run(&self, command: &mut Command, hint: &'static str) -> Result<(), AuthorError> {
        let program = name_of(command);
        let failed = |source| AuthorError::Run {
            program: program.clone(),
            source,
            hint,
        };
        // One pipe for both: nothing to deadlock on, and the order of the lines is kept.
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let second = writer.try_clone().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(writer).stderr(second);
        let mut child = command.spawn().map_err(failed)?;
        // The command keeps our ends of the pipe, which would never end by itself.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut said = String::new();
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.map_err(failed)?;
            let line = String::from_utf8_lossy(&line);
            self.say(format!("{program}: {}", line.trim()));
            said.push_str(line.trim_end());
            said.push('\n');
        }
        let status = child.wait().map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        Err(AuthorError::Failed {
            program,
            status,
            said: said.trim_end().to_owned(),
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The program and the word after it, as one would say it: `npm ci`, `cargo rustc`.
fn name_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let mut name = program.to_string_lossy().into_owned();
    for word in command.get_args().take(2) {
        let word = word.to_string_lossy();
        if word.starts_with('-') {
            break;
        }
        name.push(' ');
        name.push_str(&word);
    }
    name
}
