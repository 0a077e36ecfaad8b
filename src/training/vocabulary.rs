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

/// The stems of many texts, interned: what vocabularies are counted from.
#[derive(Debug)]
pub struct StemmedTexts {
    stems: Vec<String>,
    /// Per text its stems in order; [`BREAK`] where a sentence ends.
    texts: Vec<Vec<u32>>,
}

const BREAK: u32 = u32::MAX;

impl StemmedTexts {
    /// Stems all texts; with `mask`, role names are left out.
    #[must_use]
    pub fn new(texts: &[Text], lexicon: &Arc<Lexicon>, mask: bool) -> Self {
        let settings = FeatureSettings {
            skill_scale: 0.0,
            group_scale: 0.0,
            blend_scale: 0.0,
            mask_role_names: false,
        };
        let space = FeatureSpace::new(settings, Arc::clone(lexicon), Vocabulary::default());
        let mut memo = Memo::default();
        let mut interned = Interned::default();
        let texts = texts.iter().map(|text| {
            let words = space.words(text.as_str(), &mut memo);
            let masked = if mask {
                space.role_names(&words, &mut memo)
            } else {
                Vec::new()
            };
            let mut stems = Vec::with_capacity(words.tokens.len());
            for (at, token) in words.tokens.iter().enumerate() {
                if token.after_break || masked.iter().any(|m| m.contains(&at)) {
                    stems.push(BREAK);
                }
                if !masked.iter().any(|m| m.contains(&at)) {
                    stems.push(interned.id(&text.as_str()[token.span()]));
                }
            }
            stems
        });
        let texts = texts.collect();
        Self {
            stems: interned.stems,
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
        let mut counts: HashMap<(u32, u32), Count> = HashMap::new();
        for &row in &rows {
            let stems = &self.texts[row];
            for (at, &stem) in stems.iter().enumerate().filter(|(_, stem)| **stem != BREAK) {
                if self.is_word(stem) {
                    counts
                        .entry((stem, BREAK))
                        .or_default()
                        .see(row, groups[row]);
                }
                let next = stems.get(at + 1).copied().unwrap_or(BREAK);
                if limits.pairs > 0 && next != BREAK {
                    counts
                        .entry((stem, next))
                        .or_default()
                        .see(row, groups[row]);
                }
            }
        }
        let most = (limits.most * rows.len() as f64) as u32;
        let mut kept: Vec<((u32, u32), Count)> = counts
            .into_iter()
            .filter(|(_, c)| c.groups >= limits.groups && c.texts <= most)
            .collect();
        kept.sort_by(|(a, ca), (b, cb)| {
            cb.texts
                .cmp(&ca.texts)
                .then_with(|| self.spell(*a).cmp(&self.spell(*b)))
        });
        let (words, pairs): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|(term, _)| term.1 == BREAK);
        let idf =
            |c: Count| libm::log((1.0 + rows.len() as f64) / (1.0 + f64::from(c.texts))) + 1.0;
        let chosen = words
            .into_iter()
            .take(limits.words)
            .chain(pairs.into_iter().take(limits.pairs))
            .take(Vocabulary::MOST);
        Vocabulary::new(
            chosen
                .map(|(term, c)| Term {
                    stems: self.spell(term),
                    idf: super::rounded(idf(c)),
                })
                .collect(),
        )
    }

    /// Numbers and single letters (but for R and C) are no words.
    fn is_word(&self, stem: u32) -> bool {
        let stem = &self.stems[stem as usize];
        !stem.bytes().all(|b| b.is_ascii_digit())
            && (stem.len() > 1 || ["r", "c"].contains(&&**stem))
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

/// In how many texts and groups a term was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    texts: u32,
    groups: u32,
    last_text: Option<usize>,
    last_group: Option<u32>,
}

impl Count {
    fn see(&mut self, text: usize, group: u32) {
        if self.last_text != Some(text) {
            self.last_text = Some(text);
            self.texts += 1;
        }
        if self.last_group != Some(group) {
            self.last_group = Some(group);
            self.groups += 1;
        }
    }
}

/// Stems by number, each written form stemmed once.
#[derive(Default)]
struct Interned {
    stems: Vec<String>,
    by_stem: HashMap<String, u32>,
    by_word: HashMap<Box<str>, u32>,
    stemmer: Stems,
    folded: String,
}

impl Interned {
    fn id(&mut self, word: &str) -> u32 {
        if let Some(&id) = self.by_word.get(word) {
            return id;
        }
        crate::token::fold(word, &mut self.folded);
        let stem = self.stemmer.stem(&self.folded);
        let fresh = u32::try_from(self.stems.len()).expect("fewer than 2³² words");
        let id = *self.by_stem.entry(stem.to_string()).or_insert(fresh);
        if id == fresh {
            self.stems.push(stem.to_string());
        }
        self.by_word.insert(word.into(), id);
        id
    }
}
