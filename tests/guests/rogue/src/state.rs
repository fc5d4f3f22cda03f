//! What a room of kind `rogue` remembers.

/// What a version that refuses its own state writes behind it.
const OWN: &str = " own";

/// In a copy of the component tests write other words over this: another version of the rules.
static VERSION: [u8; 64] = *b"rogue-version:                                                  ";

/// The words of this version.
#[must_use]
pub(crate) fn version() -> &'static str {
    let bytes = std::hint::black_box(&VERSION);
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.trim_start_matches("rogue-version:").trim()
}

/// The state: the words of the options, and how many events came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What was asked for in the options.
    pub words: String,
    /// Events so far.
    pub count: u64,
    /// Memory that was eaten and is kept.
    pub hoard: Vec<Vec<u8>>,
}

impl State {
    /// A fresh room with these options.
    #[must_use]
    pub fn new(options: &str) -> Self {
        Self {
            words: options.to_owned(),
            ..Self::default()
        }
    }

    /// Whether the options, the version, or an order `become`, named that word.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        let words = [version(), &self.words].join(" ");
        words
            .split(|letter| !is_letter(letter))
            .any(|one| one == word)
    }

    /// Eight bytes of the count, then the words.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend_from_slice(self.words.as_bytes());
        if self.is("refuse-own") {
            bytes.extend_from_slice(OWN.as_bytes());
        }
        bytes
    }

    /// What [`Self::write`] wrote; words of the options count, too.
    ///
    /// # Errors
    /// The bytes are not such.
    pub fn read(options: &str, bytes: &[u8]) -> Result<Self, String> {
        let (count, words) = bytes.split_first_chunk().ok_or("no count")?;
        let words = std::str::from_utf8(words).map_err(|error| error.to_string())?;
        let state = Self {
            words: format!("{} {options}", words.trim_end_matches(OWN)),
            count: u64::from_le_bytes(*count),
            hoard: Vec::new(),
        };
        if state.is("refuse-own") && words.ends_with(OWN) {
            return Err("this version refuses what it wrote itself".to_owned());
        }
        Ok(state)
    }
}
