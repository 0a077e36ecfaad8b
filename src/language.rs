//! Which language a posting is written in.

use crate::token::Token;

/// Function words that hardly another language shares.
const ENGLISH: [&str; 18] = [
    "the", "and", "with", "you", "our", "are", "will", "your", "this", "that", "have", "from",
    "be", "to", "of", "we", "their", "who",
];

/// Share of such words that leaves no doubt; English prose has about 0.2.
const SURELY: f64 = 0.1;

/// Whether a word is an English function word.
#[must_use]
pub fn is_function_word(word: &str) -> bool {
    ENGLISH.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// The language of a text as an ISO 639-1 code, where it can be told.
///
/// Counts English function words first, which settles nearly every English ad at no
/// cost; asks `whatlang` about the rest, and believes it only when it is sure.
#[must_use]
pub fn detect(text: &str, tokens: &[Token]) -> Option<&'static str> {
    let english = tokens.iter().filter(|t| is_function_word(&text[t.span()]));
    detect_among(text, tokens.len(), english.count())
}

/// [`detect`] for a text of `n_tokens` tokens, of which `english` are function words.
#[must_use]
pub fn detect_among(text: &str, n_tokens: usize, english: usize) -> Option<&'static str> {
    if n_tokens >= 20 && english as f64 >= SURELY * n_tokens as f64 {
        return Some("en");
    }
    let info = whatlang::detect(text)?;
    info.is_reliable().then(|| two_letters(info.lang().code()))
}

/// ISO 639-3 to 639-1 where both exist.
fn two_letters(code: &'static str) -> &'static str {
    const CODES: [(&str, &str); 40] = [
        ("eng", "en"),
        ("por", "pt"),
        ("fra", "fr"),
        ("deu", "de"),
        ("nld", "nl"),
        ("spa", "es"),
        ("ita", "it"),
        ("pol", "pl"),
        ("swe", "sv"),
        ("dan", "da"),
        ("nob", "no"),
        ("fin", "fi"),
        ("ces", "cs"),
        ("slk", "sk"),
        ("slv", "sl"),
        ("hrv", "hr"),
        ("srp", "sr"),
        ("hun", "hu"),
        ("ron", "ro"),
        ("bul", "bg"),
        ("ell", "el"),
        ("tur", "tr"),
        ("rus", "ru"),
        ("ukr", "uk"),
        ("bel", "be"),
        ("est", "et"),
        ("lav", "lv"),
        ("lit", "lt"),
        ("cmn", "zh"),
        ("jpn", "ja"),
        ("kor", "ko"),
        ("vie", "vi"),
        ("tha", "th"),
        ("ind", "id"),
        ("ara", "ar"),
        ("heb", "he"),
        ("pes", "fa"),
        ("hin", "hi"),
        ("cat", "ca"),
        ("afr", "af"),
    ];
    CODES
        .iter()
        .find(|(long, _)| *long == code)
        .map_or(code, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::tokenize;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(detect(text, &tokenize(text)), expected);
    }

    #[test]
    fn common_languages_are_told_apart() {
        check(
            "You will build the models that our customers use, and you will run them with the team in Leeds every day",
            Some("en"),
        );
        check(
            "Wir suchen eine erfahrene Ingenieurin, die unsere Modelle in den Betrieb bringt und mit den Teams arbeitet",
            Some("de"),
        );
        check(
            "Buscamos uma pessoa para analisar dados e apresentar os resultados às áreas de negócio da empresa",
            Some("pt"),
        );
        check("", None);
    }
}
