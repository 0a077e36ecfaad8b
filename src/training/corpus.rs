//! Labelled postings made ready for fitting: cleaned, stemmed, grouped and cut into folds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use linfa::dataset::DatasetBase;
use linfa::traits::Fit;
use ndarray::Array1;

use super::logistic::{Convergence, LogisticParams, SparseRecords};
use super::vocabulary::{StemmedTexts, VocabularyLimits};
use super::{PartOptions, Penalty, RowWeights, TrainingOptions};
use crate::duplicates::{self, Sketch};
use crate::error::{Error, Result};
use crate::evaluation::Judged;
use crate::example::{Example, Origin};
use crate::features::{FeatureSettings, FeatureSpace, Memo, SparseRow, Vocabulary};
use crate::folds;
use crate::language;
use crate::model::{Linear, Scorer};
use crate::parallel::{by_turns, in_parallel};
use crate::skills::Lexicon;
use crate::text::Text;
use crate::token;

/// A language is known with at least this many readable rows, or half of all; the most
/// frequent one in any case.
const ROWS_OF_A_LANGUAGE: usize = 1000;

/// The least rows that a label is learnt from.
pub const FEWEST_ROWS: usize = 10;

/// How a corpus is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorpusOptions {
    /// Folds of the cross-validation, at least 2.
    pub folds: usize,
    /// Threads; nothing depends on it but time.
    pub threads: usize,
    /// People who labelled have not seen the title, although no row says so.
    pub blind_to_title: bool,
    /// Keep rows whose label came from the title beside rows that were read, so that
    /// [`RowWeights`] can use them.
    pub keep_titled: bool,
    /// The least rows of a label; [`FEWEST_ROWS`], or fewer where a base model knows more.
    pub fewest_rows: usize,
}

impl Default for CorpusOptions {
    fn default() -> Self {
        Self {
            folds: 5,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            blind_to_title: false,
            keep_titled: false,
            fewest_rows: FEWEST_ROWS,
        }
    }
}

/// Labelled postings, ready.
#[derive(Debug)]
pub struct Corpus<'a> {
    /// The rows used, as positions among the examples, which were given to
    /// [`Corpus::new`].
    pub rows: Vec<usize>,
    /// The labels, sorted.
    pub labels: Vec<String>,
    /// Languages that the model will know.
    pub languages: BTreeSet<String>,
    /// The label of every row.
    pub targets: Vec<usize>,
    /// The fold of every row.
    pub folds: Vec<usize>,
    /// Near copies share a number, by row.
    pub clusters: Vec<u32>,
    /// The identity of every row's text.
    pub identities: Vec<u64>,
    /// Rows with the same employer share a number.
    pub employers: Vec<u32>,
    /// Whether any row names its employer.
    pub has_employers: bool,
    /// Whether role names are masked, because all labels come from titles.
    pub masked: bool,
    pub(super) examples: &'a [Example],
    pub(super) lexicon: Arc<Lexicon>,
    pub(super) options: CorpusOptions,
    content: Texts<'a>,
    title: Option<Texts<'a>>,
    /// The lexicon without entries: what spaces of terms alone are made with.
    bare: Arc<Lexicon>,
}

/// Texts of one kind, by row, and their stems.
#[derive(Debug)]
struct Texts<'a> {
    texts: Vec<Text<'a>>,
    stemmed: StemmedTexts,
}

/// Which part of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The description.
    Content,
    /// The title.
    Title,
}

impl<'a> Corpus<'a> {
    /// Prepares postings. Rows labelled from titles are used only where no others are,
    /// or when asked for; rows in languages with few rows are left out.
    ///
    /// # Errors
    /// [`Error::Training`] when there are too few labels, rows, groups or different texts
    /// to learn from.
    ///
    /// # Panics
    /// Never: every label looked up was collected from the same rows.
    pub fn new(
        examples: &'a [Example],
        lexicon: &Arc<Lexicon>,
        options: CorpusOptions,
    ) -> Result<Self> {
        if options.folds < 2 || options.threads == 0 {
            return Err(Error::Training(format!(
                "{} folds on {} threads; folds must be at least 2 and threads at least 1",
                options.folds, options.threads
            )));
        }
        let masked = examples.iter().all(|e| e.origin == Origin::Title);
        let is_read = |e: &Example| masked || e.origin != Origin::Title;
        let mut texts = cleaned(examples, options.threads);
        let languages = Languages::new(examples, &texts, is_read);
        let rows: Vec<usize> = (0..examples.len())
            .filter(|&row| (options.keep_titled || is_read(&examples[row])) && languages.knows(row))
            .collect();
        let texts: Vec<Text> = rows.iter().filter_map(|&row| texts[row].take()).collect();
        let used: Vec<&Example> = rows.iter().map(|&row| &examples[row]).collect();
        let labels = learnable_labels(&used, options.fewest_rows)?;
        let target = |e: &&Example| labels.binary_search(&e.label).expect("collected above");
        let targets: Vec<usize> = used.iter().map(target).collect();
        let (identities, sketches) = identities(&texts, options.threads);
        if identities.iter().all(|identity| *identity == identities[0]) {
            return Err(Error::Training(format!(
                "all {} rows hold the same text; is the right column read as text? name it with --text",
                rows.len()
            )));
        }
        let clusters = duplicates::clusters(&sketches);
        let employers = folds::employers(&used);
        let groups = folds::inseparable(&employers, &clusters);
        let folds = folds::folds(&targets, &groups, labels.len(), options.folds);
        if options.fewest_rows >= FEWEST_ROWS {
            check_spread(&folds, &targets, &labels)?;
        }
        check_filled(&folds, options.folds)?;
        let bare = Arc::new(bare(lexicon)?);
        let title = titles(&used, masked, options).then(|| {
            Texts::new(
                used.iter().map(|e| Text::new(&e.title)).collect(),
                &bare,
                false,
            )
        });
        Ok(Self {
            content: Texts::new(texts, &bare, masked),
            title,
            labels,
            languages: languages.known,
            targets,
            folds,
            clusters,
            identities,
            has_employers: used.iter().any(|e| !e.group.trim().is_empty()),
            employers,
            masked,
            rows,
            examples,
            lexicon: Arc::clone(lexicon),
            options,
            bare,
        })
    }

    /// The example of a row.
    #[must_use]
    pub fn example(&self, row: usize) -> &'a Example {
        &self.examples[self.rows[row]]
    }

    /// Whether a title model can be fitted: labels were given without sight of titles.
    #[must_use]
    pub fn has_titles(&self) -> bool {
        self.title.is_some()
    }

    /// The cleaned text of a row.
    #[must_use]
    pub fn text(&self, row: usize) -> &str {
        self.content.texts[row].as_str()
    }

    /// The cleaned text of a row, as features are made from it.
    pub(super) fn cleaned(&self, row: usize) -> &Text<'a> {
        &self.content.texts[row]
    }

    /// Whether a row counts in scores: its label is no hint from a title beside others
    /// that were read.
    #[must_use]
    pub fn is_scored(&self, row: usize) -> bool {
        self.masked || self.example(row).origin != Origin::Title
    }

    /// How many rows every label has.
    #[must_use]
    pub fn rows_of_labels(&self) -> Vec<u64> {
        let mut counts = vec![0; self.labels.len()];
        self.targets.iter().for_each(|&target| counts[target] += 1);
        counts
    }

    /// The identities of the texts that a fit uses, ascending, each once.
    #[must_use]
    pub fn seen(&self, options: &TrainingOptions) -> Vec<u64> {
        let weights = self.weights(&options.rows);
        let used = self
            .identities
            .iter()
            .zip(weights)
            .filter(|(_, w)| *w > 0.0);
        let mut seen: Vec<u64> = used.map(|(identity, _)| *identity).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    /// The weight of every row.
    #[must_use]
    pub fn weights(&self, weights: &RowWeights) -> Vec<f32> {
        let of = |row: usize| {
            let example = self.example(row);
            let by_certainty = match example.certainty {
                certainty @ 1..=3 => weights.certainty[usize::from(certainty) - 1],
                _ => 1.0,
            };
            let by_origin = if self.is_scored(row) {
                1.0
            } else {
                weights.titled
            };
            (by_certainty * by_origin) as f32
        };
        (0..self.rows.len()).map(of).collect()
    }

    /// Fits one part on all rows.
    ///
    /// # Errors
    /// [`Error::Training`] when the fit fails or does not converge.
    pub fn fit(&self, part: Part, options: &TrainingOptions) -> Result<(Scorer, Convergence)> {
        let given = self.part_options(part, options);
        let threads = self.options.threads;
        let weights = self.weights(&options.rows);
        let on: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.is_fitted(part, row, &weights))
            .collect();
        let terms = self.term_space(part, &given, &on);
        let vocabulary = terms.vocabulary().clone();
        let n_terms = terms.len();
        let of_terms = self.analysed(part, &terms, &on, threads);
        let (terms, convergence) = self.fit_block(
            of_terms.iter(),
            0..n_terms,
            &on,
            &weights,
            given.terms,
            threads,
        )?;
        drop(of_terms);
        let keywords = self.keyword_space(given.features);
        let of_keywords = self.analysed(part, &keywords, &on, threads);
        let (keywords, _) = self.fit_block(
            of_keywords.iter(),
            0..keywords.len(),
            &on,
            &weights,
            given.keywords,
            threads,
        )?;
        let features = (0..terms.n_features() as u32)
            .map(|f| terms.weights(f))
            .chain((0..keywords.n_features() as u32).map(|f| keywords.weights(f)));
        let weights = features.flatten().map(|w| super::rounded(*w)).collect();
        let biases = terms.bias().iter().zip(keywords.bias());
        let bias = biases.map(|(a, b)| super::rounded(a + b)).collect();
        let space = FeatureSpace::new(given.features, Arc::clone(&self.lexicon), vocabulary);
        let linear = Linear::new(weights, bias);
        Ok((Scorer { space, linear }, convergence))
    }

    /// Judges every row by models fitted on the other folds: description, or title. Rows
    /// that do not count in scores are left out.
    ///
    /// # Errors
    /// [`Error::Training`] when a fit fails.
    pub fn judge(&self, part: Part, options: &TrainingOptions) -> Result<Vec<Judged>> {
        self.judge_weighted(part, options, &self.weights(&options.rows))
    }

    /// The same with other weights of the rows.
    pub(super) fn judge_weighted(
        &self,
        part: Part,
        options: &TrainingOptions,
        weights: &[f32],
    ) -> Result<Vec<Judged>> {
        let given = self.part_options(part, options);
        let terms = (Block::Terms(given.vocabulary), given.terms);
        let keywords = (Block::Keywords(given.features), given.keywords);
        let fits =
            [terms, keywords].map(|(block, penalty)| (block, [Weighing { penalty, weights }]));
        let judged = self.judge_blocks(part, &fits)?;
        Ok(self.judged(&[&judged[0][0], &judged[1][0]]))
    }

    /// Adds the logits of blocks and puts the truth beside them.
    pub(super) fn judged(&self, blocks: &[&Logits]) -> Vec<Judged> {
        let of = |row: usize| {
            let mut logits = blocks[0][row].clone();
            for block in &blocks[1..] {
                logits
                    .iter_mut()
                    .zip(&block[row])
                    .for_each(|(z, b)| *z += b);
            }
            Judged {
                truth: self.targets[row],
                logits,
            }
        };
        (0..self.rows.len())
            .filter(|&row| self.is_scored(row))
            .map(of)
            .collect()
    }

    /// Logits that one block of features gives every row, by models fitted on the other
    /// folds; one set for every fit. What does not change from fit to fit is made once.
    pub(super) fn judge_block(
        &self,
        part: Part,
        block: Block,
        fits: &[Weighing],
    ) -> Result<Vec<Logits>> {
        let mut judged = self.judge_blocks(part, &[(block, fits)])?;
        Ok(judged.pop().expect("one per block"))
    }

    /// The same for several blocks, each with fits of its own.
    fn judge_blocks<'w, F: AsRef<[Weighing<'w>]> + Sync>(
        &self,
        part: Part,
        blocks: &[(Block, F)],
    ) -> Result<Vec<Vec<Logits>>> {
        let keywords = |block: &Block| match block {
            Block::Keywords(settings) => {
                let space = self.keyword_space(self.masked(part, *settings));
                Some(Analysed {
                    columns: space.len(),
                    rows: self.analysed(part, &space, &self.all(), self.options.threads),
                })
            }
            Block::Terms(_) => None,
        };
        let keywords: Vec<_> = blocks.iter().map(|(block, _)| keywords(block)).collect();
        let folds = 0..self.options.folds;
        let of_block = |block: usize| folds.clone().map(move |fold| (block, fold));
        let turns: Vec<(usize, usize)> = (0..blocks.len()).flat_map(of_block).collect();
        let of_turns = by_turns(&turns, self.options.threads, |&(at, fold)| {
            let (block, fits) = &blocks[at];
            self.judge_fold(part, *block, keywords[at].as_ref(), fits.as_ref(), fold)
        });
        let nothing = |fits: &F| vec![vec![Vec::new(); self.rows.len()]; fits.as_ref().len()];
        let mut judged: Vec<Vec<Logits>> = blocks.iter().map(|(_, fits)| nothing(fits)).collect();
        for ((block, fold), of_turn) in turns.into_iter().zip(of_turns) {
            for (judged, logits) in judged[block].iter_mut().zip(of_turn?) {
                let rows = judged.iter_mut().zip(&self.folds);
                let out = rows.filter(|(_, of)| **of == fold);
                out.zip(logits).for_each(|((row, _), z)| *row = z);
            }
        }
        Ok(judged)
    }

    /// The same for the rows of one fold; `keywords` are given where the block is one of them.
    fn judge_fold(
        &self,
        part: Part,
        block: Block,
        keywords: Option<&Analysed>,
        fits: &[Weighing],
        fold: usize,
    ) -> Result<Vec<Logits>> {
        let threads = (self.options.threads / self.options.folds).max(1);
        let all = self.all();
        let (out, within): (Vec<usize>, Vec<usize>) =
            all.iter().partition(|&&row| self.folds[row] == fold);
        let mut terms: Option<(Vec<usize>, Analysed)> = None;
        let of_fit = |fit: &Weighing| {
            let fitted = |row: &usize| self.is_fitted(part, *row, fit.weights);
            let on: Vec<usize> = within.iter().copied().filter(fitted).collect();
            if let Block::Terms(limits) = block
                && terms.as_ref().is_none_or(|(known, _)| *known != on)
            {
                let space = self.terms_of(part, limits, &on);
                let of_terms = Analysed {
                    columns: space.len(),
                    rows: self.analysed(part, &space, &all, threads),
                };
                terms = Some((on.clone(), of_terms));
            }
            let of_terms = terms.as_ref().map(|(_, of_terms)| of_terms);
            let given = of_terms.or(keywords).expect("a block is one of the two");
            let Analysed { columns, rows } = given;
            let of_on = on.iter().map(|&row| &rows[row]);
            let penalty = fit.penalty;
            let (linear, _) =
                self.fit_block(of_on, 0..*columns, &on, fit.weights, penalty, threads)?;
            Ok(out.iter().map(|&row| linear.logits(&rows[row])).collect())
        };
        fits.iter().map(of_fit).collect()
    }

    fn all(&self) -> Vec<usize> {
        (0..self.rows.len()).collect()
    }

    /// Whether a row takes part in fits: a title model never learns labels taken from titles.
    fn is_fitted(&self, part: Part, row: usize, weights: &[f32]) -> bool {
        weights[row] > 0.0 && (part == Part::Content || self.is_scored(row))
    }

    fn part_options(&self, part: Part, options: &TrainingOptions) -> PartOptions {
        let mut given = match part {
            Part::Content => options.content,
            Part::Title => options.title,
        };
        given.features = self.masked(part, given.features);
        given
    }

    /// Role names are masked where labels come from titles.
    fn masked(&self, part: Part, settings: FeatureSettings) -> FeatureSettings {
        FeatureSettings {
            mask_role_names: settings.mask_role_names || (self.masked && part == Part::Content),
            ..settings
        }
    }

    fn texts(&self, part: Part) -> &Texts<'a> {
        match part {
            Part::Content => &self.content,
            Part::Title => self.title.as_ref().expect("asked only where titles are"),
        }
    }

    fn term_space(&self, part: Part, given: &PartOptions, on: &[usize]) -> FeatureSpace {
        self.terms_of(part, given.vocabulary, on)
    }

    /// A space of words and pairs alone, chosen from the rows `on`.
    fn terms_of(&self, part: Part, limits: VocabularyLimits, on: &[usize]) -> FeatureSpace {
        let texts = self.texts(part);
        let vocabulary = texts.stemmed.vocabulary(on, &self.employers, limits);
        let settings = self.masked(part, FeatureSettings::UNWEIGHTED);
        FeatureSpace::new(settings, Arc::clone(&self.bare), vocabulary)
    }

    /// A space of skills and totals alone.
    pub(super) fn keyword_space(&self, settings: FeatureSettings) -> FeatureSpace {
        FeatureSpace::new(settings, Arc::clone(&self.lexicon), Vocabulary::default())
    }

    fn analysed(
        &self,
        part: Part,
        space: &FeatureSpace,
        rows: &[usize],
        threads: usize,
    ) -> Vec<SparseRow> {
        let texts = self.texts(part);
        in_parallel(rows, threads, Memo::default, |memo, &row| {
            space.analyse(&texts.texts[row], memo).row
        })
    }

    /// Fits the weights of one block of features.
    fn fit_block<'r>(
        &self,
        rows: impl Iterator<Item = &'r SparseRow>,
        columns: Range<usize>,
        on: &[usize],
        weights: &[f32],
        penalty: Penalty,
        threads: usize,
    ) -> Result<(Linear, Convergence)> {
        let records = SparseRecords::new(rows, columns);
        let targets: Array1<usize> = on.iter().map(|&row| self.targets[row]).collect();
        let weights: Array1<f32> = on.iter().map(|&row| weights[row]).collect();
        let fitted = LogisticParams::new(self.labels.len())
            .alpha(1.0 / penalty.c)
            .balance(penalty.balance)
            .gradient_tolerance(super::tolerance(on.len()))
            .threads(threads)
            .fit(&DatasetBase::new(records, targets).with_weights(weights))?;
        Ok((fitted.linear, fitted.convergence))
    }
}

/// All rows as one block of features has them.
struct Analysed {
    columns: usize,
    rows: Vec<SparseRow>,
}

/// Logits of every row.
pub(super) type Logits = Vec<Vec<f64>>;

/// How strongly a fit is held back, and how much every row counts in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighing<'w> {
    /// The penalty.
    pub penalty: Penalty,
    /// A weight for every row.
    pub weights: &'w [f32],
}

/// A block of features that is fitted by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Block {
    /// Words and pairs.
    Terms(VocabularyLimits),
    /// Skills and totals.
    Keywords(FeatureSettings),
}

impl<'a> Texts<'a> {
    fn new(texts: Vec<Text<'a>>, bare: &Arc<Lexicon>, mask: bool) -> Self {
        let stemmed = StemmedTexts::new(&texts, bare, mask);
        Self { texts, stemmed }
    }
}

fn cleaned(examples: &[Example], threads: usize) -> Vec<Option<Text<'_>>> {
    in_parallel(
        examples,
        threads,
        || (),
        |(), e| Some(Text::new(&e.description)),
    )
}

fn identities(texts: &[Text], threads: usize) -> (Vec<u64>, Vec<Sketch>) {
    in_parallel(
        texts,
        threads,
        || (),
        |(), text| (duplicates::identity(text), duplicates::sketch(text)),
    )
    .into_iter()
    .unzip()
}

/// A title model is fitted where titles differ and everybody who labelled was blind to them.
fn titles(used: &[&Example], masked: bool, options: CorpusOptions) -> bool {
    let blind = |e: &Example| match e.origin {
        Origin::Reading => true,
        Origin::Unknown => options.blind_to_title,
        Origin::Title => options.keep_titled,
    };
    !masked && used.iter().all(|e| blind(e)) && used.iter().any(|e| !e.title.trim().is_empty())
}

/// A lexicon of role names alone.
fn bare(lexicon: &Lexicon) -> Result<Lexicon> {
    let names = toml::from_str::<toml::Table>(lexicon.source())
        .ok()
        .and_then(|table| table.get("sets")?.get("role_names").cloned());
    let mut sets = toml::Table::new();
    sets.extend(names.map(|names| ("role_names".to_owned(), names)));
    let mut file = toml::Table::new();
    file.insert("version".to_owned(), 1.into());
    file.insert("skill".to_owned(), toml::Value::Array(Vec::new()));
    file.insert("sets".to_owned(), sets.into());
    Lexicon::parse(&file.to_string(), "role names")
}

/// The labels, sorted, when each has enough rows.
fn learnable_labels(used: &[&Example], fewest: usize) -> Result<Vec<String>> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for example in used {
        *counts.entry(&example.label).or_default() += 1;
    }
    let listed: Vec<String> = counts.iter().map(|(l, n)| format!("{l} {n}")).collect();
    if counts.len() < 2 && (fewest >= FEWEST_ROWS || counts.is_empty()) {
        return Err(Error::Training(format!(
            "{} usable rows with {} ({}); a classifier needs two labels or more\n  add rows with another label, Other for example",
            used.len(),
            if counts.is_empty() {
                "no label"
            } else {
                "one label only"
            },
            listed.join(", ")
        )));
    }
    let (large, small): (Vec<_>, Vec<_>) = counts.iter().partition(|(_, n)| **n >= fewest);
    if small.is_empty() {
        return Ok(counts.keys().map(|&label| label.to_owned()).collect());
    }
    let lines: Vec<String> = small
        .iter()
        .take(10)
        .map(|(label, n)| {
            let known = large.iter().map(|(label, _)| **label);
            let meant = super::labels::near_miss(label, known)
                .map(|meant| format!("; did you mean {meant}? then add --map '{label}={meant}'"))
                .unwrap_or_default();
            format!("\n  {label}: {n} rows{meant}")
        })
        .collect();
    let more = small.len().saturating_sub(10);
    let more = if more > 0 {
        format!("\n  and {more} more")
    } else {
        String::new()
    };
    let drop: Vec<String> = small
        .iter()
        .take(10)
        .map(|(label, _)| format!("--drop-label '{label}'"))
        .collect();
    Err(Error::Training(format!(
        "{} of {} labels have fewer than the {fewest} rows that one needs:{}{more}\n  leave them out with\n    {}\n  or give them to another label with --map 'LABEL=OTHER LABEL'",
        small.len(),
        counts.len(),
        lines.concat(),
        drop.join(" ")
    )))
}

/// Every label must stand in more than one fold, or nothing about it can be measured.
fn check_spread(folds: &[usize], targets: &[usize], labels: &[String]) -> Result<()> {
    for (at, label) in labels.iter().enumerate() {
        let mut of_label = folds
            .iter()
            .zip(targets)
            .filter(|(_, t)| **t == at)
            .map(|(f, _)| f);
        let first = of_label.next();
        if of_label.all(|fold| Some(fold) == first) {
            return Err(Error::Training(format!(
                "all rows of {label} come from one employer or are copies of one another, so nothing about it can be measured\n  add rows from others, or leave it out with --drop-label '{label}'"
            )));
        }
    }
    Ok(())
}

fn check_filled(folds: &[usize], n: usize) -> Result<()> {
    if (0..n).any(|fold| !folds.contains(&fold)) {
        return Err(Error::Training(format!(
            "too few employers or different texts to cut the rows into {n} folds; give fewer with --folds"
        )));
    }
    Ok(())
}

struct Languages {
    of: Vec<String>,
    known: BTreeSet<String>,
}

impl Languages {
    fn new(
        examples: &[Example],
        texts: &[Option<Text>],
        is_read: impl Fn(&Example) -> bool,
    ) -> Self {
        let of: Vec<String> = examples
            .iter()
            .zip(texts)
            .map(|(example, text)| match example.language.as_str() {
                "" => {
                    let text = text.as_ref().map_or("", Text::as_str);
                    language::detect(text, &token::tokenize(text))
                        .unwrap_or("en")
                        .to_owned()
                }
                given => given.to_owned(),
            })
            .collect();
        let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
        let readable = || examples.iter().zip(&of).filter(|(e, _)| is_read(e));
        readable().for_each(|(_, language)| *counts.entry(language).or_default() += 1);
        let enough = ROWS_OF_A_LANGUAGE.min(readable().count().div_ceil(2));
        let most = counts
            .iter()
            .max_by_key(|(_, n)| **n)
            .map(|(language, _)| *language);
        let known = counts
            .iter()
            .filter(|(language, n)| **n >= enough || Some(**language) == most)
            .map(|(language, _)| (*language).clone())
            .collect();
        Self { of, known }
    }

    fn knows(&self, row: usize) -> bool {
        self.known.contains(&self.of[row])
    }
}
