//! What may be written: chat, names, colours.

use std::collections::BTreeSet;

use crate::marks::{is_invisible, is_mark};

/// Most UTF-16 units of a line of chat.
const MAX_CHAT: usize = 512;
/// Most UTF-16 units of a name.
const MAX_NAME: usize = 40;
/// Most combining marks in a row.
const MAX_MARKS: usize = 5;
/// Most characters of a name or a room's id inside a sentence: texts have at most 1 KiB.
const MAX_QUOTED: usize = 60;
/// Who has no name that could be shown.
const NAMELESS: &str = "Anonymous";
/// Not allowed in names: breaks, and what turns the direction of the text around it.
const NOT_IN_NAMES: [char; 10] = [
    '\n', '\r', '\u{b}', '\0', '\t', '\u{202e}', '\u{2066}', '\u{2067}', '\u{202b}', '\u{200f}',
];

/// How long JavaScript finds it.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A line of chat as it is shown; nothing when nothing is left of it or it is too long.
pub(crate) fn chat_line(raw: &str) -> Option<String> {
    let mut marks = 0_usize;
    let visible = raw.chars().filter(|c| !is_invisible(*c));
    let kept = visible.filter(|c| {
        marks = if is_mark(*c) { marks + 1 } else { 0 };
        marks <= MAX_MARKS
    });
    let line: String = kept.collect();
    let line = line.trim();
    (!line.is_empty() && units(line) <= MAX_CHAT).then(|| line.to_owned())
}

/// Whether somebody may be called that.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&units(name)) && !name.trim().is_empty() && !name.contains(NOT_IN_NAMES)
}

/// A profile's name as it is shown here: other doors allow other names.
pub(crate) fn shown_name(name: &str) -> String {
    if is_name(name) {
        return name.to_owned();
    }
    let mut room = MAX_NAME;
    let visible = name.trim().chars().filter(|c| !is_invisible(*c));
    let cut: String = visible
        .take_while(|c| {
            let rest = room.checked_sub(c.len_utf16());
            room = rest.unwrap_or(0);
            rest.is_some()
        })
        .collect();
    if is_name(&cut) {
        cut
    } else {
        NAMELESS.to_owned()
    }
}

/// A name or a room's id for use inside a sentence.
pub(crate) fn quoted(text: &str) -> String {
    let visible = || text.chars().filter(|c| !is_invisible(*c));
    let mut cut: String = visible().take(MAX_QUOTED).collect();
    if visible().nth(MAX_QUOTED).is_some() {
        cut.push('…');
    }
    format!("\u{201c}{cut}\u{201d}")
}

/// The text with each of the words, which are in lower case, replaced by asterisks.
pub(crate) fn masked(text: &str, words: &BTreeSet<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || is_mark(c) {
            word.push(c);
        } else {
            put_word(&mut out, &mut word, words);
            out.push(c);
        }
    }
    put_word(&mut out, &mut word, words);
    out
}

fn put_word(out: &mut String, word: &mut String, words: &BTreeSet<String>) {
    if words.contains(&word.to_lowercase()) {
        out.extend(word.chars().map(|_| '*'));
    } else {
        out.push_str(word);
    }
    word.clear();
}

/// `#rrggbb` as 0xRRGGBB.
pub(crate) fn color(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('#')?;
    let is_hex = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

/// 0xRRGGBB as `#rrggbb`.
pub(crate) fn hex(color: u32) -> String {
    format!("#{:06x}", color & 0xff_ffff)
}

/// A user id without its issuer: what clients see.
pub(crate) fn subject(user: &str) -> &str {
    user.split_once(':').map_or(user, |(_, subject)| subject)
}

#[cfg(test)]
mod tests {
    use super::{chat_line, color, hex, is_name, masked, quoted, shown_name};

    #[test]
    fn lines_are_cleaned() {
        let long = "x".repeat(512);
        let longer = "x".repeat(513);
        let wide = "😀".repeat(257);
        let cases = [
            ("  hello  ", Some("hello")),
            ("a\u{0}b\nc\td", Some("abcd")),
            ("\u{202e}evil\u{200b}\u{feff}", Some("evil")),
            ("\u{e000}\u{10fffd}", None),
            ("   ", None),
            ("", None),
            ("\u{200b}", None),
            (
                "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x\u{301}",
                Some("e\u{301}\u{301}\u{301}\u{301}\u{301}x\u{301}"),
            ),
            ("日本語", Some("日本語")),
            (long.as_str(), Some(long.as_str())),
            (longer.as_str(), None),
            (wide.as_str(), None),
        ];
        for (raw, line) in cases {
            assert_eq!(chat_line(raw).as_deref(), line, "{raw:?}");
        }
    }

    #[test]
    fn names_are_judged() {
        let (longest, too_long) = ("n".repeat(40), "n".repeat(41));
        for good in ["A", "日本語の名前", " x ", longest.as_str(), "\u{200b}"] {
            assert!(is_name(good), "{good:?}");
        }
        for bad in [
            "",
            "   ",
            "a\nb",
            "a\tb",
            "\u{202e}x",
            "x\u{200f}",
            "\0",
            &too_long,
        ] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert_eq!(shown_name("Ann"), "Ann");
        assert_eq!(shown_name(&too_long), longest);
        assert_eq!(shown_name("\n\n"), "Anonymous");
        assert_eq!(shown_name("a\nb"), "ab");
        assert_eq!(shown_name(&"😀".repeat(30)), "😀".repeat(20));
    }

    #[test]
    fn words_are_masked_whole() {
        let words = ["darn", "ß"].map(str::to_owned).into();
        let cases = [
            ("Darn, DARN!", "****, ****!"),
            ("darning undarn", "darning undarn"),
            ("darn", "****"),
            ("ß", "*"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(masked(text, &words), expected);
        }
    }

    #[test]
    fn colours_go_both_ways() {
        assert_eq!(color("#3Fa00c"), Some(0x3f_a0_0c));
        assert_eq!(hex(0x3f_a0_0c), "#3fa00c");
        for bad in [
            "3fa00c", "#3fa00", "#3fa00cc", "#+3fa00", "#gggggg", "#é1234",
        ] {
            assert_eq!(color(bad), None, "{bad}");
        }
    }

    #[test]
    fn quotations_are_short() {
        assert_eq!(quoted("lobby"), "“lobby”");
        assert!(quoted(&"日".repeat(512)).len() < 200);
    }
}
