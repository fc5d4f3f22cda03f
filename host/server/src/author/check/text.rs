//! Sizes, events and differences in a few words.

use roost_room::{Event, Payload};

/// Longest piece of data shown.
const SHOWN: usize = 200;

/// A size for people: `812 B`, `61.2 KiB`, `1.7 MiB`.
pub(crate) fn bytes(size: u64) -> String {
    const UNIT: f64 = 1024.0;
    let size = size as f64;
    if size < UNIT {
        format!("{size} B")
    } else if size < UNIT * UNIT {
        format!("{:.1} KiB", size / UNIT)
    } else {
        format!("{:.1} MiB", size / UNIT / UNIT)
    }
}

/// What a component imports; WASI, of which toolchains bring a lot, is only counted.
pub(crate) fn imported(imports: &[String]) -> String {
    let (wasi, ours): (Vec<&str>, Vec<&str>) = imports
        .iter()
        .map(String::as_str)
        .partition(|import| import.starts_with("wasi:"));
    let mut words = ours;
    let counted = format!(
        "{} interfaces of wasi (without files or network)",
        wasi.len()
    );
    if !wasi.is_empty() {
        words.push(&counted);
    }
    if words.is_empty() {
        return "nothing".to_owned();
    }
    words.join(", ")
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As much as is worth showing.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What was said, readable: JSON as it is, bytes in hexadecimal.
pub(super) fn shown(payload: &Payload) -> String {
    match payload {
        Payload::Json(json) => cut(json.as_str()),
        Payload::Binary(bytes) => {
            let some: Vec<String> = bytes
                .iter()
                .take(32)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let more = if bytes.len() > some.len() { " …" } else { "" };
            format!("{} bytes: {}{more}", bytes.len(), some.join(" "))
        }
    }
}

/// A batch in words.
pub(super) fn told(events: &[Event]) -> String {
    match events {
        [] => "nothing".to_owned(),
        [Event::Message(message)] => {
            format!(
                "message on {:?} {}",
                message.topic.as_str(),
                shown(&message.payload)
            )
        }
        [Event::Signal(signal)] => format!("signal {:?} {}", signal.name, shown(&signal.body)),
        [one] => one.name().to_owned(),
        several => {
            let names: Vec<_> = several.iter().take(4).map(Event::name).collect();
            format!("a batch of {}: {}, …", several.len(), names.join(", "))
        }
    }
}

/// Where two states part.
pub(super) fn first_difference(one: &[u8], other: &[u8]) -> String {
    let place = one.iter().zip(other).position(|(a, b)| a != b);
    let place = place.unwrap_or(one.len().min(other.len()));
    let around = |bytes: &[u8]| {
        let piece = bytes.get(place.saturating_sub(12)..).unwrap_or_default();
        let piece = piece.get(..piece.len().min(36)).unwrap_or_default();
        piece.escape_ascii().to_string()
    };
    format!(
        "{} and {} bytes, different from byte {place}: \"{}\" and \"{}\"",
        one.len(),
        other.len(),
        around(one),
        around(other)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [bytes(812), bytes(62_669), bytes(1_752_051)],
            ["812 B", "61.2 KiB", "1.7 MiB"]
        );
        assert_eq!(
            [grouped(0), grouped(1_000), grouped(50_000_000)],
            ["0", "1,000", "50,000,000"]
        );
        assert_eq!(cut(&"ü".repeat(300)).chars().count(), SHOWN + 1);
        assert!(first_difference(b"abc", b"abd").contains("from byte 2"));
    }
}
