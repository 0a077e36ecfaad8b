//! Which language a posting is written in.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::token::Token;

/// Languages of postings, each with its commonest function words.
const FUNCTION_WORDS: [(&str, &str); LANGUAGES] = [
    (
        "en",
        "the and with you our are will your this that have from be to of we their who",
    ),
    (
        "pt",
        "de e em para com que do da os não uma um você ou dos das nossa experiência são no na ao \
         por como nos mais",
    ),
    (
        "fr",
        "de et les des la le vous en pour une du un dans nous votre est au sur avec qui aux notre \
         sont être ou",
    ),
    (
        "de",
        "und die der mit für wir du von in den zu dich deine oder eine ein ist bei im als das uns \
         auf dir unsere sie ihre des",
    ),
    (
        "es",
        "de y en para con que el los la una las del por un tu nuestro se es o como más al",
    ),
    (
        "nl",
        "en de van het een je met voor bij wij jij ons onze zijn om te aan als naar dat die op is \
         in",
    ),
];

const LANGUAGES: usize = 6;

/// Bytes of the longest of them, and some more for capitals that take more.
const LONGEST_FUNCTION_WORD: usize = 16;

/// Share of English function words that leaves no doubt; English prose has about 0.2.
const SURELY_ENGLISH: f64 = 0.1;

/// Share of them that is enough where no other language has more than [`HARDLY`].
const PROBABLY_ENGLISH: f64 = 0.03;

/// Share of another language's words that English lists of skills stay below.
const HARDLY: f64 = 0.02;

/// Share of another language's function words that leaves no doubt, unless a third has
/// two in three as many; their lists are longer than the English one.
const SURELY: f64 = 0.15;

/// With fewer tokens nothing is decided by counting.
const FEWEST_TOKENS: usize = 20;

/// In which languages a word is a function word: ten bits for each, so that up to
/// [`FunctionWord::MOST`] of them can be added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionWord(u64);

impl FunctionWord {
    /// How many may be added into one.
    pub const MOST: usize = (1 << 10) - 1;

    /// Looks a word up, whatever its case.
    #[must_use]
    pub fn of(word: &str) -> Self {
        static ALL: LazyLock<HashMap<&str, FunctionWord>> = LazyLock::new(|| {
            let mut all: HashMap<&str, FunctionWord> = HashMap::new();
            for (nth, (_, words)) in FUNCTION_WORDS.iter().enumerate() {
                for word in words.split_ascii_whitespace() {
                    all.entry(word).or_default().0 |= 1 << (10 * nth);
                }
            }
            all
        });
        if word.len() > LONGEST_FUNCTION_WORD {
            return Self::default();
        }
        ALL.get(&*word.to_lowercase()).copied().unwrap_or_default()
    }

    /// Adds one more word.
    #[inline]
    pub fn add(&mut self, other: Self) {
        self.0 += other.0;
    }
}

/// How many function words of each language a text has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionWords([usize; LANGUAGES]);

impl FunctionWords {
    /// Adds a sum of words.
    pub fn add(&mut self, sum: FunctionWord) {
        for (nth, count) in self.0.iter_mut().enumerate() {
            *count += (sum.0 >> (10 * nth)) as usize & FunctionWord::MOST;
        }
    }

    /// Counts those of a text.
    #[must_use]
    pub fn of(text: &str, tokens: &[Token]) -> Self {
        let mut counts = Self::default();
        for token in tokens {
            counts.add(FunctionWord::of(&text[token.span()]));
        }
        counts
    }

    /// The language of a text of `n_tokens` tokens, if these words settle it.
    fn settle(self, n_tokens: usize) -> Option<&'static str> {
        if n_tokens < FEWEST_TOKENS {
            return None;
        }
        let share = |count: usize| count as f64 / n_tokens as f64;
        let [english, others @ ..] = self.0;
        let (english, mut others) = (share(english), others.map(share));
        if english >= SURELY_ENGLISH {
            return Some("en");
        }
        let first = (0..others.len()).fold(0, |a, b| if others[b] > others[a] { b } else { a });
        let code = FUNCTION_WORDS[1 + first].0;
        let first = std::mem::take(&mut others[first]);
        let second = others.into_iter().fold(0.0, f64::max);
        if english >= PROBABLY_ENGLISH {
            (first < HARDLY).then_some("en")
        } else {
            (first >= SURELY && first >= 1.5 * second).then_some(code)
        }
    }
}

/// The language of a text as an ISO 639-1 code, where it can be told.
///
/// Counts function words first, which settles nearly every ad at no cost; asks `whatlang`
/// about the rest, and believes it only when it is sure.
#[must_use]
pub fn detect(text: &str, tokens: &[Token]) -> Option<&'static str> {
    detect_among(text, tokens.len(), FunctionWords::of(text, tokens))
}

/// [`detect`] for a text of `n_tokens` tokens whose function words have been counted.
#[must_use]
pub fn detect_among(text: &str, n_tokens: usize, words: FunctionWords) -> Option<&'static str> {
    words.settle(n_tokens).or_else(|| {
        let info = whatlang::detect(text)?;
        info.is_reliable().then(|| two_letters(info.lang().code()))
    })
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

    #[track_caller]
    fn check_settled(text: &str, expected: Option<&str>) {
        let tokens = tokenize(text);
        let settled = FunctionWords::of(text, &tokens).settle(tokens.len());
        assert_eq!(settled, expected, "{text}");
    }

    #[test]
    fn function_words_settle_most() {
        let skills = "Python SQL Spark Airflow Docker Kubernetes Terraform AWS GCP Azure Kafka \
             Scala Java Linux Git CI/CD Prometheus Grafana Redis";
        check_settled(skills, None);
        check_settled(&format!("{skills}, to be used with care"), Some("en"));
        check_settled(&format!("{skills} de la"), None);
        check_settled(
            "Wir suchen eine Person, die mit uns die Modelle baut, und für den Betrieb sorgt, von \
             der Idee an bis zu dem Tag",
            Some("de"),
        );
        check_settled("de la", None);
    }

    #[test]
    fn sums_of_words_keep_their_languages_apart() {
        let mut sum = FunctionWord::default();
        for _ in 0..FunctionWord::MOST {
            sum.add(FunctionWord::of("de"));
        }
        let mut counts = FunctionWords::default();
        counts.add(sum);
        counts.add(FunctionWord::of("THE"));
        counts.add(FunctionWord::of("Kubernetes"));
        let n = FunctionWord::MOST;
        assert_eq!(counts, FunctionWords([1, n, n, 0, n, n]));
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
        check(
            "Nous recherchons pour notre client une personne qui saura entraîner et suivre les modèles de la maison",
            Some("fr"),
        );
        check("", None);
        check("你好，我们在寻找工程师来建立机器学习平台", Some("zh"));
    }
}
