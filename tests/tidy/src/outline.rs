//! Functions and test regions of a Rust file, found in its masked text.

use std::ops::RangeInclusive;

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// From the line of `fn` to the line of the closing brace, counted from 1.
    pub lines: RangeInclusive<usize>,
}

impl Function {
    /// How many lines it takes.
    pub fn length(&self) -> usize {
        (self.lines.end() + 1).saturating_sub(*self.lines.start())
    }
}

/// The functions of `masked`, which is the text of a file after [`crate::mask::mask`]. Nested ones are listed too.
pub fn functions(masked: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (position, _) in masked.match_indices("fn ") {
        let (before, after) = masked.split_at(position);
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '#') {
            continue;
        }
        let signature = after.get(3..).unwrap_or("").trim_start();
        let name: String = signature
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if name.is_empty() {
            continue;
        }
        if let Some(length) = body_end(after) {
            let start = line_of(masked, position);
            let end = line_of(masked, position + length);
            found.push(Function {
                name,
                lines: start..=end,
            });
        }
    }
    found
}

/// Line ranges of everything under a `#[cfg(test)]`.
pub fn test_regions(masked: &str) -> Vec<RangeInclusive<usize>> {
    masked
        .match_indices("#[cfg(test)]")
        .map(|(position, _)| {
            let after = masked.get(position..).unwrap_or("");
            let end = body_end(after).unwrap_or(0);
            line_of(masked, position)..=line_of(masked, position + end)
        })
        .collect()
}

/// Lines, counted from 1, on which `word` stands by itself and not as the end of a longer one.
pub fn lines_with(masked: &str, word: &str) -> Vec<usize> {
    masked
        .match_indices(word)
        .filter(|(position, _)| {
            let before = masked.get(..*position).unwrap_or("");
            !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
        })
        .map(|(position, _)| line_of(masked, position))
        .collect()
}

/// Position of the brace that closes the first one outside parentheses and brackets; nothing when a `;` comes before it.
fn body_end(after: &str) -> Option<usize> {
    let mut braces = 0_usize;
    let mut groups = 0_usize;
    for (position, c) in after.char_indices() {
        match c {
            '(' | '[' if braces == 0 => groups += 1,
            ')' | ']' if braces == 0 => groups = groups.saturating_sub(1),
            ';' if braces == 0 && groups == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(position);
                }
            }
            _ => {}
        }
    }
    None
}

fn line_of(text: &str, position: usize) -> usize {
    let before = text.get(..position).unwrap_or(text);
    before.matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::{functions, lines_with, test_regions};

    const CODE: &str = "\
trait A { fn without(&self) -> [u8; 3]; }
pub(crate) fn one(
    a: [u8; 4],
) -> usize {
    let f = |x: fn (u8)| { x(1) };
    2
}
#[cfg(test)]
mod tests {
    fn two() {}
}
";

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let found = functions(CODE);
        let names: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.length()))
            .collect();
        assert_eq!(names, [("one", 6), ("two", 1)]);
    }

    #[test]
    fn a_test_module_is_a_region() {
        assert_eq!(test_regions(CODE), [8..=11]);
    }

    #[test]
    fn a_word_is_not_the_end_of_another() {
        assert_eq!(
            lines_with("asleep(1)\n x.sleep(2)\nsleep(3)", "sleep("),
            [2, 3]
        );
    }
}
