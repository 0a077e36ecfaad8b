//! The search as its rules read, without tables: what the tables must come to.

use super::*;

/// The symbols of one word as an exact word and as a stem, 0 for none.
type Symbols = [u32; 2];

/// One place where a sequence of some class stands.
#[derive(Clone, Copy)]
struct Occurrence {
    class: u32,
    first: u32,
    end: u32,
}

struct Plain<'a> {
    parts: &'a Parts,
    tokens: &'a [Token],
    /// By first token; longest first.
    occurrences: Vec<Vec<Occurrence>>,
}

/// The skills of a text, sorted by skill and position, found both ways.
#[track_caller]
pub(crate) fn compared(lexicon: &Lexicon, text: &str) -> Vec<SkillMatch> {
    let parts = lexicon.parts.as_ref().expect("read from its source");
    let tokens = token::tokenize(text);
    let stemmer = Stems::default();
    let mut folded = String::new();
    let mut keys = Vec::new();
    let mut symbols = Vec::new();
    for token in &tokens {
        token::fold(&text[token.span()], &mut folded);
        let stem = stemmer.stem(&folded);
        keys.push(lexicon.keys(&folded, &stem));
        let Sequences { exact, stems, .. } = &parts.sequences;
        let symbol =
            |table: &HashMap<String, u32>, word: &str| table.get(word).copied().unwrap_or(0);
        symbols.push([symbol(exact, &folded), symbol(stems, &stem)]);
    }
    let plain = Plain::new(parts, &tokens, &symbols);
    let expected = plain.find();
    let forms: Vec<u32> = (0..keys.len() as u32).collect();
    let words = KnownWords {
        tokens: &tokens,
        forms: &forms,
        keys: &keys,
    };
    let mut memory = SearchMemory::default();
    let mut found = Vec::new();
    // The second search must not see what the first left behind.
    for _ in 0..2 {
        lexicon.find(words, &mut memory, &mut found);
    }
    assert_eq!(found, expected, "in {text:?}");
    let mut roles = lexicon.role_names(words, &mut memory);
    roles.sort_by_key(|r| (r.start, r.end));
    assert_eq!(roles, plain.role_names(), "in {text:?}");
    expected
}

impl<'a> Plain<'a> {
    fn new(parts: &'a Parts, tokens: &'a [Token], symbols: &[Symbols]) -> Self {
        let from = |first| {
            let mut found = Vec::new();
            sequences_from(&parts.sequences, symbols, first, 0, first, &mut found);
            found.sort_by_key(|o: &Occurrence| std::cmp::Reverse(o.end));
            found
        };
        Self {
            parts,
            tokens,
            occurrences: (0..tokens.len()).map(from).collect(),
        }
    }

    fn find(&self) -> Vec<SkillMatch> {
        let mut candidates = Vec::new();
        for o in self.occurrences.iter().flatten() {
            let mut add = |skill, end| {
                let first = o.first;
                candidates.push(SkillMatch { skill, first, end });
            };
            if let Some(&skill) = self.parts.spelled.get(&o.class) {
                add(skill, o.end);
            }
            for pattern in &self.parts.patterns {
                if pattern.steps[0].class == o.class
                    && let Some(end) = self.follow(&pattern.steps[1..], o.end)
                {
                    add(pattern.skill, end);
                }
            }
        }
        candidates.retain(|m| self.is_supported(*m));
        candidates.sort_by_key(|m| (m.skill, m.first, std::cmp::Reverse(m.end)));
        let mut kept: Vec<SkillMatch> = Vec::new();
        for m in candidates {
            let overlaps = |k: &SkillMatch| k.skill == m.skill && m.first < k.end;
            if !kept.last().is_some_and(overlaps) {
                kept.push(m);
            }
        }
        kept
    }

    fn follow(&self, steps: &[Step], end: u32) -> Option<u32> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(end);
        };
        for gap in 0..=step.gap {
            let at = (end + gap) as usize;
            let token = self.tokens.get(at)?;
            if step.gap > 0 && token.after_break {
                return None;
            }
            let mut next = self.occurrences[at]
                .iter()
                .filter(|o| o.class == step.class);
            if let Some(end) = next.find_map(|o| self.follow(rest, o.end)) {
                return Some(end);
            }
        }
        None
    }

    fn is_supported(&self, m: SkillMatch) -> bool {
        let first = (m.first as usize).saturating_sub(NEAR);
        let last = (m.end as usize + NEAR).min(self.tokens.len());
        let any = |class: u32, lies: &dyn Fn(&Occurrence) -> bool| {
            let mut around = self.occurrences[first..last].iter().flatten();
            around.any(|o| o.class == class && lies(o))
        };
        let near = self.parts.near[m.skill as usize]
            .is_none_or(|class| any(class, &|o| o.end <= m.first || o.first >= m.end));
        let void = self.parts.unless[m.skill as usize]
            .is_some_and(|class| any(class, &|o| o.first <= m.first && o.end >= m.end));
        near && !void
    }

    fn role_names(&self) -> Vec<Range<usize>> {
        let all = self.occurrences.iter().flatten();
        let mut ranges: Vec<Range<usize>> = all
            .filter(|o| Some(o.class) == self.parts.role_names)
            .map(|o| o.first as usize..o.end as usize)
            .collect();
        ranges.sort_by_key(|r| (r.start, r.end));
        ranges.dedup();
        ranges
    }
}

fn sequences_from(
    sequences: &Sequences,
    symbols: &[Symbols],
    first: usize,
    node: u32,
    at: usize,
    found: &mut Vec<Occurrence>,
) {
    for symbol in symbols.get(at).into_iter().flatten() {
        let Some(&to) = sequences.next.get(&(node, *symbol)) else {
            continue;
        };
        let (first_u32, end) = (count(first), count(at + 1));
        found.extend(
            sequences.classes[to as usize]
                .iter()
                .map(|&class| Occurrence {
                    class,
                    first: first_u32,
                    end,
                }),
        );
        sequences_from(sequences, symbols, first, to, at + 1, found);
    }
}
