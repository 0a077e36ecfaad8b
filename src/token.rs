//! Text to tokens: the words of a posting, each with its byte span.
//!
//! A token is a run of letters and digits. Every other character separates, so
//! `scikit-learn`, `scikit learn` and `Scikit/Learn` are the same two tokens and
//! one spelling in the lexicon finds all of them; as a skill they come out whole,
//! with one span. What would lose its meaning without its signs survives as one
//! token: `c++`, `c#`, `f#` (one letter and its signs) and `.net`.
//!
//! Letter case never matters: [`fold`] lower-cases, and writes British and American
//! spellings alike.

use std::ops::Range;

use rust_stemmers::{Algorithm, Stemmer};

mod scan;

/// Name and version of the rules in this file; a model records it and is refused by
/// a program whose rules differ.
pub const TOKENIZER: &str = "rolecall-words-1";

/// Name and version of the stemmer: Snowball's English as `rust-stemmers` has it.
pub const STEMMER: &str = "snowball-english-2.2";

/// Tokens longer than this many bytes (encoded data, tracking links) are never words.
pub const LONGEST_WORD: usize = 48;

/// One word of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Token {
    /// First byte in the cleaned text.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Whether a sentence, a bullet or a line ended since the token before.
    pub after_break: bool,
}

impl Token {
    /// The byte span in the text that was tokenised.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Splits `text` (at most 4 GiB) into tokens, in order, appended to `tokens`.
///
/// # Panics
/// When the text is longer than 4 GiB.
pub fn tokenize_into(text: &str, tokens: &mut Vec<Token>) {
    assert!(
        u32::try_from(text.len()).is_ok(),
        "texts are limited to 4 GiB"
    );
    scan::scan(text, tokens);
}

/// The tokens of `text`, in order.
///
/// ```
/// let text = "C++, CI/CD & .NET";
/// let words: Vec<&str> = rolecall::token::tokenize(text).iter().map(|t| &text[t.span()]).collect();
/// assert_eq!(words, ["C++", "CI", "CD", ".NET"]);
/// ```
#[must_use]
pub fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    tokenize_into(text, &mut tokens);
    tokens
}

/// `c++`, `c#` and their like: one letter and the signs right behind it.
fn with_trailing_signs(bytes: &[u8], start: usize, end: usize) -> usize {
    match &bytes[end..] {
        _ if end - start != 1 || !bytes[start].is_ascii_alphabetic() => end,
        [b'+', b'+', ..] => end + 2,
        [b'#', ..] => end + 1,
        _ => end,
    }
}

/// Whether the separator at `at` ends a sentence, a bullet or a line.
fn is_break(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'\n' | b'\r' | b';' | b'!' | b'?' | b'|' => true,
        b'.' => bytes
            .get(at + 1)
            .is_none_or(|next| !next.is_ascii_alphanumeric()),
        // The bullets • (E2 80 A2), ● ▪ ■ ► ◦ (E2 96/97 xx) and · (C2 B7).
        0xE2 => matches!(
            bytes.get(at + 1..at + 3),
            Some([0x80, 0xA2] | [0x96 | 0x97, _])
        ),
        0xC2 => bytes.get(at + 1) == Some(&0xB7),
        _ => false,
    }
}

/// Lower-cases `word` into `folded` and evens out British and American spelling
/// ("Optimisation" → "optimization", "modelling" → "modeling").
///
/// The result is a key to compare by, never shown: some words come out in a spelling
/// that nobody uses ("enterprize"), always the same one.
pub fn fold(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        folded.push_str(word);
        folded.make_ascii_lowercase();
        americanize(folded);
    } else {
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
}

/// Endings of British spelling and what stands for them; the first that fits is
/// replaced, in words of at least the length given.
const ENDINGS: [(&str, &str, usize); 22] = [
    ("isation", "ization", 8),
    ("isations", "izations", 9),
    ("isational", "izational", 10),
    ("ise", "ize", 6),
    ("ised", "ized", 7),
    ("ises", "izes", 7),
    ("ising", "izing", 8),
    ("iser", "izer", 7),
    ("isers", "izers", 8),
    ("yse", "yze", 6),
    ("ysed", "yzed", 7),
    ("ysing", "yzing", 8),
    ("lling", "ling", 8),
    ("lled", "led", 8),
    ("ller", "ler", 8),
    ("llers", "lers", 9),
    ("our", "or", 6),
    ("ours", "ors", 7),
    ("ogue", "og", 7),
    ("ogues", "ogs", 8),
    ("centre", "center", 6),
    ("programme", "program", 9),
];

fn americanize(word: &mut String) {
    if word.len() < 6 {
        return;
    }
    let fitting = ENDINGS
        .iter()
        .find(|(british, _, least)| word.len() >= *least && word.ends_with(british));
    if let Some((british, american, _)) = fitting {
        word.truncate(word.len() - british.len());
        word.push_str(american);
    }
}

/// The Snowball stem of folded words.
pub struct Stems(Stemmer);

impl Default for Stems {
    fn default() -> Self {
        Self(Stemmer::create(Algorithm::English))
    }
}

impl std::fmt::Debug for Stems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(STEMMER)
    }
}

impl Stems {
    /// The stem of one folded word; words with signs, digits or letters beyond ASCII
    /// are their own stems.
    #[must_use]
    pub fn stem<'a>(&self, folded: &'a str) -> std::borrow::Cow<'a, str> {
        if folded.bytes().all(|b| b.is_ascii_lowercase()) {
            self.0.stem(folded)
        } else {
            folded.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules, character by character: what the masks must come to.
    pub(super) fn by_characters(text: &str) -> Vec<Token> {
        let bytes = text.as_bytes();
        let is_word = |at: usize| text[at..].starts_with(char::is_alphanumeric);
        let width = |at: usize| text[at..].chars().next().map_or(1, char::len_utf8);
        let mut tokens = Vec::new();
        let (mut at, mut after_break) = (0, true);
        while at < bytes.len() {
            if !is_word(at) {
                after_break |= is_break(bytes, at);
                at += width(at);
                continue;
            }
            let mut start = at;
            while at < bytes.len() && is_word(at) {
                at += width(at);
            }
            if text[..start].ends_with('.') && text[start..at].eq_ignore_ascii_case("net") {
                start -= 1;
            }
            at = with_trailing_signs(bytes, start, at);
            tokens.push(Token {
                start: start as u32,
                end: at as u32,
                after_break,
            });
            after_break = false;
        }
        tokens
    }

    #[track_caller]
    fn check_scan(text: &str) {
        assert_eq!(tokenize(text), by_characters(text), "in {text:?}");
    }

    #[test]
    fn blocks_of_64_bytes_leave_no_trace() {
        let pieces = [
            "a", "Net", ".net", ".nett", "c++", "c#", "+", "#", ".", ". ", "\n", "é", "•", "–",
            "中", "𝒳", "\u{200b}", "\0", "7", "x.", "·", "½", "ⁿ", "word", "; ", "İ",
        ];
        // Every piece at every place around the first two borders, before every other.
        for first in pieces {
            for second in pieces {
                for filler in ["x", " ", "é", "• "] {
                    for length in (55..=66).chain(120..=130) {
                        let mut text = filler.repeat(length / filler.len());
                        while text.len() < length {
                            text.push('-');
                        }
                        check_scan(&format!("{text}{first}{second}{first} end"));
                        check_scan(&format!("{text}{first}{second}"));
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_is_of_the_same_kind_to_every_processor() {
        for first in (0..=0xFF).step_by(64) {
            let block: [u8; 64] = std::array::from_fn(|at| first + at as u8);
            scan::tests::check_masks(&block);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_scans_as_its_characters_do(text in ".{0,300}", ascii in "[ -~\n]{0,300}") {
            check_scan(&text);
            check_scan(&ascii);
            check_scan(&format!("{ascii}{text}"));
        }

        #[test]
        fn any_block_has_the_same_masks_on_every_processor(block in proptest::array::uniform32(0u8..)) {
            let mut both = [0; 64];
            both[..32].copy_from_slice(&block);
            both[32..].copy_from_slice(&block);
            both[32..].reverse();
            scan::tests::check_masks(&both);
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = tokenize(text).iter().map(|t| &text[t.span()]).collect();
        assert_eq!(found, expected, "in {text:?}");
    }

    #[test]
    fn signs_survive_where_they_carry_the_meaning() {
        check(
            "C++17 and C#, F# on .NET; asp.net",
            &["C++", "17", "and", "C#", "F#", "on", ".NET", "asp", ".net"],
        );
        check(
            "scikit-learn, node.js, CI/CD",
            &["scikit", "learn", "node", "js", "CI", "CD"],
        );
        check("5+ years, A+ team", &["5", "years", "A", "team"]);
        check(
            "R&D – naïve Bayes’ café",
            &["R", "D", "naïve", "Bayes", "café"],
        );
        check("", &[]);
        check("•\u{200b}…", &[]);
    }

    #[track_caller]
    fn check_breaks(text: &str, expected: &[&str]) {
        let found: Vec<&str> = tokenize(text)
            .into_iter()
            .filter(|t| t.after_break)
            .map(|t| &text[t.span()])
            .collect();
        assert_eq!(found, expected, "in {text:?}");
    }

    #[test]
    fn sentences_bullets_and_lines_break() {
        check_breaks("Build it. Run it", &["Build", "Run"]);
        check_breaks("use node.js daily\nship", &["use", "ship"]);
        check_breaks("a, b • c ▪ d · e; f", &["a", "c", "d", "e", "f"]);
    }

    #[track_caller]
    fn check_fold(a: &str, b: &str) {
        let (mut x, mut y) = (String::new(), String::new());
        fold(a, &mut x);
        fold(b, &mut y);
        assert_eq!(x, y);
    }

    #[test]
    fn spellings_of_both_shores_meet() {
        check_fold("Optimisation", "optimization");
        check_fold("visualising", "Visualizing");
        check_fold("modelling", "MODELING");
        check_fold("behaviour", "behavior");
        check_fold("analysed", "analyzed");
        check_fold("ÉTÉ", "été");
    }

    #[test]
    fn stems_fold_inflections() {
        let stems = Stems::default();
        assert_eq!(stems.stem("deploying"), "deploy");
        assert_eq!(stems.stem("models"), "model");
        assert_eq!(stems.stem("c++"), "c++");
        assert_eq!(stems.stem("été"), "été");
    }
}
