//! Server-sent events: bytes in, events out.

use std::collections::VecDeque;

/// Longest event, in bytes: a call of a room can be large, but nothing is read without an end.
const MAX_EVENT: usize = 8 << 20;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` if it was not given one.
    pub name: String,
    /// Its lines, joined.
    pub data: String,
}

/// An event was longer than anything the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {MAX_EVENT} bytes")]
pub struct TooLong;

/// Takes a stream apart, wherever its pieces are cut.
#[derive(Debug, Default)]
pub struct Parser {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Whether the last byte was a carriage return, so that a line feed after it ends nothing.
    after_return: bool,
    name: String,
    data: Option<String>,
    events: VecDeque<Event>,
}

impl Parser {
    /// Takes the next piece.
    ///
    /// # Errors
    /// If an event never ends.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        for byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, *byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(),
                _ => self.line.push(*byte),
            }
            let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
            if held > MAX_EVENT {
                return Err(TooLong);
            }
        }
        Ok(())
    }

    /// The next event that is complete.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        if line.is_empty() {
            self.end_event();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments keep the connection awake; ids and retries are not used.
            _ => {}
        }
    }

    fn end_event(&mut self) {
        let name = std::mem::take(&mut self.name);
        let Some(data) = self.data.take() else {
            return;
        };
        let name = if name.is_empty() {
            "message".to_owned()
        } else {
            name
        };
        self.events.push_back(Event { name, data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.feed(piece).unwrap();
            while let Some(event) = parser.next_event() {
                events.push((event.name, event.data));
            }
        }
        events
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn events_are_found_wherever_the_stream_is_cut() {
        let stream: &[u8] =
            b": hello\n\nevent: job\ndata: {\"a\":1}\n\ndata:x\ndata: \xc3\xa4\nid: 7\n\n";
        let wanted = [event("job", "{\"a\":1}"), event("message", "x\nä")];
        assert_eq!(events(&[stream]), wanted);
        for cut in 0..stream.len() {
            let (one, other) = stream.split_at(cut);
            assert_eq!(events(&[one, other]), wanted, "cut at {cut}");
        }
    }

    #[test]
    fn lines_end_in_each_of_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = format!("event: log{end}data: a{end}{end}data: b{end}{end}");
            let wanted = [event("log", "a"), event("message", "b")];
            assert_eq!(events(&[stream.as_bytes()]), wanted, "{end:?}");
        }
    }

    #[test]
    fn what_has_no_data_or_no_end_is_no_event() {
        assert_eq!(events(&[b"event: job\n\n: ping\n\ndata: half\n"]), []);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 1 << 20];
        let fed: Vec<_> = (0..9).map(|_| parser.feed(&piece)).collect();
        assert_eq!(fed.last(), Some(&Err(TooLong)));
    }
}
