//! Blanks out what is not code, so that searching for words finds code only.

/// Replaces comments, strings and character literals by spaces; line breaks, and so line numbers, stay.
pub fn mask(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let length = match not_code(rest, before) {
            0 => {
                out.push(first);
                first.len_utf8()
            }
            length => {
                let (literal, _) = rest.split_at(length);
                out.extend(literal.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                length
            }
        };
        before = first;
        rest = rest.get(length..).unwrap_or("");
    }
    out
}

/// Bytes taken by the comment or literal that `rest` starts with; 0 when it starts with code.
fn not_code(rest: &str, before: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let in_word = before.is_alphanumeric() || before == '_';
    if rest.starts_with('r') && !in_word {
        return raw_string(rest, 1);
    }
    if rest.starts_with("br") && !in_word {
        return raw_string(rest, 2);
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(tail) = rest.get(position..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            position += 2;
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            position += 2;
            if depth == 0 {
                return position;
            }
        } else {
            position += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return position + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; a lifetime, which starts like one, is code.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => quoted(rest, '\''),
        (Some(_), Some((position, '\''))) => position + 1,
        _ => 0,
    }
}

fn raw_string(rest: &str, prefix: usize) -> usize {
    let after = rest.get(prefix..).unwrap_or("");
    let hashes = after.len() - after.trim_start_matches('#').len();
    let Some(body) = after.get(hashes..).and_then(|body| body.strip_prefix('"')) else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - body.len();
    body.find(&end)
        .map_or(rest.len(), |position| start + position + end.len())
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn comments_and_strings_go_and_lines_stay() {
        let text = "a /* b /* c */ \n d */ e // f\n\"g\\\"h\" i 'j' '\\'' 'k: &'l str\n";
        let masked = mask(text);
        assert_eq!(masked.lines().count(), text.lines().count());
        let words: Vec<&str> = masked.split_whitespace().collect();
        assert_eq!(words, ["a", "e", "i", "'k:", "&'l", "str"]);
    }

    #[test]
    fn raw_strings_end_at_their_own_mark() {
        assert_eq!(mask("x r#\"a\"b\"# y").trim_end(), "x          y");
        assert_eq!(mask("for r in 0..1 {}"), "for r in 0..1 {}");
        assert_eq!(mask("br\"a{\" }").trim(), "}");
    }
}
