//! Which words and pairs become features.

use std::collections::HashMap;
use std::sync::Arc;

use crate::features::{FeatureSettings, FeatureSpace, Memo, Term, Vocabulary};
use crate::skills::Lexicon;
use crate::text::Text;
use crate::token::Stems;

/// How many terms are kept, and which.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VocabularyLimits {
    /// Single words at most; the most frequent stay.
    pub words: usize,
    /// Pairs at most; the most frequent stay.
    pub pairs: usize,
    /// A term must occur in postings of this many groups (employers), so that no name and
    /// no boilerplate of one company becomes a feature.
    pub groups: u32,
    /// A term in more than this share of the postings says nothing.
    pub most: f64,
}

/// The words and pairs of many texts, numbered: what vocabularies are counted from.
#[derive(Debug)]
pub struct StemmedTexts {
    stems: Vec<String>,
    /// Per term its two stems; the second is [`BREAK`] for a word.
    terms: Vec<(u32, u32)>,
    /// Per text its terms, each once.
    texts: Vec<Vec<u32>>,
}

const BREAK: u32 = u32::MAX;

impl StemmedTexts {
    /// Stems all texts; with `mask`, role names are left out.
    #[must_use]
    pub fn new(texts: &[Text], lexicon: &Arc<Lexicon>, mask: bool) -> Self {
        let space = FeatureSpace::new(
            FeatureSettings::UNWEIGHTED,
            Arc::clone(lexicon),
            Vocabulary::default(),
        );
        let mut memo = Memo::default();
        let mut interned = Interned::default();
        let texts = texts.iter().zip(0..).map(|(text, number)| {
            let words = space.words(text.as_str(), &mut memo);
            let masked = if mask {
                space.role_names(&words, &mut memo)
            } else {
                Vec::new()
            };
            let mut terms = Vec::new();
            let mut before = BREAK;
            for (at, token) in words.tokens.iter().enumerate() {
                let is_masked = masked.iter().any(|m| m.contains(&at));
                if token.after_break || is_masked {
                    before = BREAK;
                }
                if is_masked {
                    continue;
                }
                let stem = interned.stem(&text.as_str()[token.span()]);
                if is_word(&interned.stems[stem as usize]) {
                    interned.see((stem, BREAK), number, &mut terms);
                }
                if before != BREAK {
                    interned.see((before, stem), number, &mut terms);
                }
                before = stem;
            }
            terms
        });
        let texts = texts.collect();
        Self {
            stems: interned.stems,
            terms: interned.terms,
            texts,
        }
    }

    /// Chooses the vocabulary from the texts `rows`, of which `groups[row]` tells the employer.
    #[must_use]
    pub fn vocabulary(
        &self,
        rows: &[usize],
        groups: &[u32],
        limits: VocabularyLimits,
    ) -> Vocabulary {
        let mut rows = rows.to_vec();
        // Postings of one group stand together, so counting groups is counting changes.
        rows.sort_by_key(|&row| (groups[row], row));
        let mut counts = vec![Count::default(); self.terms.len()];
        for &row in &rows {
            for &term in &self.texts[row] {
                counts[term as usize].see(groups[row]);
            }
        }
        let most = (limits.most * rows.len() as f64) as u32;
        let counted = self.terms.iter().zip(counts);
        let kept = counted.filter(|(_, c)| c.groups >= limits.groups && c.texts <= most);
        let (words, pairs): (Vec<_>, Vec<_>) = kept.partition(|(term, _)| term.1 == BREAK);
        let idf = |texts: u32| {
            let idf = libm::log((1.0 + rows.len() as f64) / (1.0 + f64::from(texts))) + 1.0;
            super::rounded(idf)
        };
        let frequent = |terms: Vec<(&(u32, u32), Count)>, most: usize| {
            let spelt = terms.into_iter().map(|(term, c)| (self.spell(*term), c));
            let mut spelt: Vec<(String, Count)> = spelt.filter(|_| most > 0).collect();
            spelt.sort_unstable_by(|(a, ca), (b, cb)| cb.texts.cmp(&ca.texts).then(a.cmp(b)));
            let term = |(stems, c): (String, Count)| Term {
                stems,
                idf: idf(c.texts),
            };
            spelt.into_iter().take(most).map(term)
        };
        let chosen = frequent(words, limits.words).chain(frequent(pairs, limits.pairs));
        Vocabulary::new(chosen.take(Vocabulary::MOST).collect())
    }

    fn spell(&self, (first, second): (u32, u32)) -> String {
        let stem = |id: u32| self.stems[id as usize].as_str();
        if second == BREAK {
            stem(first).to_owned()
        } else {
            format!("{} {}", stem(first), stem(second))
        }
    }
}

/// Numbers and single letters (but for R and C) are no words.
fn is_word(stem: &str) -> bool {
    !stem.bytes().all(|b| b.is_ascii_digit()) && (stem.len() > 1 || ["r", "c"].contains(&stem))
}

/// In how many texts and groups a term was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    texts: u32,
    groups: u32,
    last_group: Option<u32>,
}

impl Count {
    /// Counts a text, of which a term is seen once.
    fn see(&mut self, group: u32) {
        self.texts += 1;
        if self.last_group != Some(group) {
            self.last_group = Some(group);
            self.groups += 1;
        }
    }
}

/// Stems and terms by number, each written form stemmed once.
#[derive(Default)]
struct Interned {
    stems: Vec<String>,
    by_stem: HashMap<String, u32>,
    by_word: HashMap<Box<str>, u32>,
    terms: Vec<(u32, u32)>,
    by_term: HashMap<(u32, u32), u32>,
    /// Per term the number of the text that it was seen in last.
    last_texts: Vec<u32>,
    stemmer: Stems,
    folded: String,
}

impl Interned {
    fn stem(&mut self, word: &str) -> u32 {
        if let Some(&id) = self.by_word.get(word) {
            return id;
        }
        crate::token::fold(word, &mut self.folded);
        let stem = self.stemmer.stem(&self.folded);
        let fresh = number(self.stems.len());
        let id = *self.by_stem.entry(stem.to_string()).or_insert(fresh);
        if id == fresh {
            self.stems.push(stem.to_string());
        }
        self.by_word.insert(word.into(), id);
        id
    }

    /// Adds a term of a text to `terms` where it is not yet among them.
    fn see(&mut self, term: (u32, u32), text: u32, terms: &mut Vec<u32>) {
        let fresh = number(self.terms.len());
        let id = *self.by_term.entry(term).or_insert(fresh);
        if id == fresh {
            self.terms.push(term);
            self.last_texts.push(text);
        } else if self.last_texts[id as usize] == text {
            return;
        }
        self.last_texts[id as usize] = text;
        terms.push(id);
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).expect("fewer than 2³² words and pairs")
}
