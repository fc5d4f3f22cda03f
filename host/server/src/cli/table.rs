//! What people read: columns that align, sizes and times in words.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

/// Longest text of a cell, in characters; the rest is in `--json`.
const MAX_CELL: usize = 60;
/// Digits of a hash that are shown.
const SHORT_HASH: usize = 12;

/// Rows under a header, without lines, so that other programs can cut it, too.
pub(crate) struct Listing {
    table: Table,
    rows: usize,
}

impl Listing {
    /// With these columns; those that begin with `>` hold numbers.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let mut table = Table::new();
        table
            .load_style(comfy_table::presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(
                columns
                    .iter()
                    .map(|name| name.trim_start_matches('>').to_uppercase()),
            );
        for (column, name) in table.column_iter_mut().zip(columns) {
            column.set_padding((0, 2));
            if name.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, rows: 0 }
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.table
            .add_row(cells.iter().map(|text| Cell::new(shortened(text))));
        self.rows += 1;
    }

    /// The table, or `nothing` if it has no rows.
    pub(crate) fn render(&self, nothing: &str) -> String {
        if self.rows == 0 {
            return nothing.to_owned();
        }
        self.table.trim_fmt()
    }
}

/// Names and values, a line each.
#[derive(Default)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    pub(crate) fn row(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// A row that is there only if there is something to say.
    pub(crate) fn some(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.row(name, value);
        }
    }

    /// Lines that begin with two spaces; a value of several lines stays in its column.
    pub(crate) fn render(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut lines = Vec::new();
        for (name, value) in &self.0 {
            let mut name = name.as_str();
            for line in value.lines() {
                lines.push(format!("  {name:width$}  {}", plain(line)));
                name = "";
            }
        }
        lines.join("\n")
    }
}

/// Without what a terminal would obey: rules and visitors may write what they like into their texts.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let tame = |c: char| match c {
        '\n' | '\t' | '\r' => ' ',
        _ if c.is_control() => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    Cow::Owned(text.chars().map(tame).collect())
}

fn shortened(text: &str) -> String {
    let text = plain(text);
    if text.chars().count() <= MAX_CELL {
        return text.into_owned();
    }
    let mut short: String = text.chars().take(MAX_CELL - 1).collect();
    short.push('…');
    short
}

/// The beginning of a hash.
pub(crate) fn short(hash: &str) -> String {
    hash.chars().take(SHORT_HASH).collect()
}

/// `1.5 MiB`.
pub(crate) fn size(bytes: usize) -> String {
    const UNITS: [(&str, f64); 3] = [
        ("GiB", 1_073_741_824.0),
        ("MiB", 1_048_576.0),
        ("KiB", 1024.0),
    ];
    let bytes = bytes as f64;
    let unit = UNITS.iter().find(|(_, factor)| bytes >= *factor);
    match unit {
        Some((unit, factor)) => format!("{:.1} {unit}", bytes / factor),
        None => format!("{bytes} B"),
    }
}

/// Thousands apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12 rooms`, `1 room`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number as u64))
}

/// `350 ms`, `12 s`, `3 min`, `2 h 5 min`, `4 d 2 h`.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |large: u64, unit: &str, small: u64, other: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {other}"),
    };
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => pair(hours, "h", minutes % 60, "min"),
        _ => pair(days, "d", hours % 24, "h"),
    }
}

/// How long ago something was: `3 min ago`.
pub(crate) fn ago(now: u64, at: u64) -> String {
    match now.saturating_sub(at) {
        0..1000 => "just now".to_owned(),
        past => {
            let text = span(past);
            // "2 h 5 min ago" would be more exact than anybody needs.
            let mut words = text.split(' ');
            let rough = [words.next(), words.next()];
            let rough: Vec<&str> = rough.into_iter().flatten().collect();
            format!("{} ago", rough.join(" "))
        }
    }
}

/// Unix milliseconds.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// `12:03:04.567` of a day in UTC.
pub(crate) fn clock(millis: u64) -> String {
    let seconds = millis / 1000;
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        millis % 1000
    )
}

/// `-` for nothing.
pub(crate) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_nothing_trails() {
        let mut listing = Listing::new(&["name", ">rooms", "note"]);
        assert_eq!(listing.render("no modules"), "no modules");
        for (name, rooms, note) in [("echo", "7", "first"), ("my-long-name", "1,200", "")] {
            listing.row(&[name.to_owned(), rooms.to_owned(), note.to_owned()]);
        }
        assert_eq!(
            listing.render(""),
            "NAME          ROOMS  NOTE\n\
             echo              7  first\n\
             my-long-name  1,200"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb c");
        let mut listing = Listing::new(&["note"]);
        listing.row(&["x".repeat(100) + "\n"]);
        assert_eq!(
            listing.render("").lines().nth(1),
            Some(format!("{}…", "x".repeat(59)).as_str())
        );
    }

    #[test]
    fn facts_keep_their_columns() {
        let mut facts = Facts::default();
        facts.row("size", "1 B");
        facts.some("missing", None);
        facts.some("imports", Some("a\nb".to_owned()));
        assert_eq!(facts.render(), "  size     1 B\n  imports  a\n           b");
    }

    #[test]
    fn sizes_and_times_are_said_in_words() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (3 << 20, "3.0 MiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (millis, text) in [
            (350, "350 ms"),
            (12_900, "12 s"),
            (180_000, "3 min"),
            (7_500_000, "2 h 5 min"),
            (86_400_000 * 4 + 7_200_000, "4 d 2 h"),
        ] {
            assert_eq!(span(millis), text);
        }
        assert_eq!(ago(10_000_000, 2_500_000), "2 h ago");
        assert_eq!(ago(200_000, 20_000), "3 min ago");
        assert_eq!(ago(5, 9), "just now");
        assert_eq!(clock(86_400_000 + 3_723_004), "01:02:03.004");
        assert_eq!(count(1, "room"), "1 room");
        assert_eq!(count(1_234, "room"), "1,234 rooms");
    }
}
