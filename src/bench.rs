//! How fast labelling is here, on these postings: end to end, stage by stage, for one ad,
//! and from the start of the program.
//!
//! Every measure is taken anew in each of several passes; what is given is the median of
//! the passes and how far they lie apart. Within a pass all measures follow each other,
//! so that whatever else the machine does meets all of them alike.

use std::borrow::Cow;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::classifier::{self, Classifier, Scratch};
use crate::columns::{self, Chosen, Wishes};
use crate::error::{Error, Result};
use crate::features::{Analysis, Memo};
use crate::labelling::engine::Job;
use crate::labelling::{LabelOptions, Progress};
use crate::language;
use crate::model::Scorer;
use crate::posting::Posting;
use crate::random::SplitMix;
use crate::readers::records::{Reading, Row};
use crate::readers::{Batch, Format, Input, Origin, ReadOptions, delimited};
use crate::text::Text;
use crate::token;
use crate::writers::target::Destination;
use crate::writers::{self, Appended, Verdict};

/// The postings that ship with the program.
const SHIPPED: &str = include_str!("../datasets/postings.csv");

/// Bytes of the postings made from the shipped ones.
const MADE: usize = 16_000_000;

/// Where the sequence of made postings begins.
const SEED: u64 = 1;

/// At most about so much of an input is measured.
const SAMPLE: usize = 16 << 20;

/// Passes over every measure, however long they take.
const FEWEST_PASSES: usize = 3;

/// Passes over every measure, however short they are.
const MOST_PASSES: usize = 1000;

/// Ads that are each classified as if it were the first.
const FIRST_ADS: usize = 100;

/// Times that the program and the model are started or opened.
const STARTS: usize = 20;

/// Swallows the labelled rows.
const NOWHERE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// What is to be measured, and for how long.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// The model file; the embedded model where there is none.
    pub model: Option<PathBuf>,
    /// Which columns are title and text.
    pub wishes: Wishes,
    /// About how long the passes over one input take together, in seconds.
    pub seconds: f64,
    /// Threads of the second end-to-end measurement; at least 1.
    pub threads: usize,
    /// The command `rolecall`, whose start is measured; none: not measured.
    pub program: Option<PathBuf>,
}

/// Seconds of one measure over all passes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// The middle one.
    pub median: f64,
    /// The shortest.
    pub least: f64,
    /// The longest.
    pub most: f64,
    /// How many there were.
    pub runs: usize,
}

impl Seconds {
    /// # Panics
    /// When there are none.
    fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self {
            median: percentile(&times, 0.5),
            least: times[0],
            most: times[times.len() - 1],
            runs: times.len(),
        }
    }

    /// Half the distance between longest and shortest, as a share of the median.
    #[must_use]
    pub fn spread(&self) -> f64 {
        (self.most - self.least) / 2.0 / self.median.max(f64::MIN_POSITIVE)
    }
}

/// The value that the share `p` of the sorted values does not exceed (nearest rank).
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let rank = (p * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// Labelling from file to file.
#[derive(Debug, Clone, Serialize)]
pub struct EndToEnd {
    /// Threads that worked.
    pub threads: usize,
    /// How long it took.
    pub seconds: Seconds,
    /// Millions of bytes of the input a second.
    pub mb_per_s: f64,
    /// Postings a second.
    pub postings_per_s: f64,
}

/// One stage, on one thread.
#[derive(Debug, Clone, Serialize)]
pub struct Stage {
    /// `read`, `text`, `tokens`, `features`, `model`, `language`, `write`, or `other`, which
    /// is what the whole takes beyond all of them.
    pub stage: &'static str,
    /// Microseconds a posting, the median of the passes.
    pub us_per_posting: f64,
    /// Millions of bytes of the input a second; none for `other`.
    pub mb_per_s: Option<f64>,
    /// The stage's share of the whole, from 0 to 1.
    pub share: f64,
}

/// How long one ad takes, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Half of the ads take no longer.
    pub median_us: f64,
    /// 99 % of the ads take no longer.
    pub p99_us: f64,
}

impl Latency {
    fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self {
            median_us: percentile(&seconds, 0.5) * 1e6,
            p99_us: percentile(&seconds, 0.99) * 1e6,
        }
    }
}

/// What was measured on one input.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// The input's name.
    pub input: String,
    /// Whether it was made from the shipped postings.
    pub made: bool,
    /// Its format.
    pub format: String,
    /// How it is compressed.
    pub compression: &'static str,
    /// Whether all of it was measured, not only its beginning.
    pub whole: bool,
    /// Postings measured.
    pub postings: usize,
    /// Their bytes, unpacked, with all columns, as UTF-8.
    pub bytes: usize,
    /// Labelling to nowhere on one thread, and on all.
    pub label: Vec<EndToEnd>,
    /// The stages.
    pub stages: Vec<Stage>,
    /// One ad after others, whose words the thread remembers.
    pub next_ad: Latency,
    /// One ad in fresh memory.
    pub first_ad: Latency,
}

/// How long starting takes, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct StartUp {
    /// Opening the model, within the program.
    pub open_model_ms: f64,
    /// `rolecall --version`, the whole process; none: not measured.
    pub version_ms: Option<f64>,
    /// `rolecall classify` of one ad of middling length, the whole process.
    pub classify_ms: Option<f64>,
}

/// The size of the model and of what it stands in.
#[derive(Debug, Clone, Serialize)]
pub struct ModelSize {
    /// The model's id.
    pub id: String,
    /// Bytes of the model file, or of the model inside the program.
    pub bytes: u64,
    /// Features of the description's model.
    pub features: usize,
    /// Labels.
    pub labels: usize,
    /// Bytes of the program.
    pub program_bytes: Option<u64>,
}

/// All measurements.
#[derive(Debug, Clone, Serialize)]
pub struct Bench {
    /// The crate's version.
    pub version: &'static str,
    /// Threads of the second end-to-end measurements.
    pub threads: usize,
    /// One per input.
    pub inputs: Vec<Measured>,
    /// Starting.
    pub start_up: StartUp,
    /// Peak memory of labelling all inputs on all threads, in bytes, before anything else
    /// was measured; none where the system does not tell.
    pub peak_memory: Option<u64>,
    /// The model.
    pub model: ModelSize,
}

/// Measures labelling of files, or of postings made from the shipped ones where none are
/// given.
///
/// # Errors
/// What opening the model, reading the inputs and finding their columns say;
/// [`Error::Data`] for an input without a posting that can be read.
pub fn measure(paths: &[PathBuf], options: &BenchOptions) -> Result<Bench> {
    let classifier = open(options.model.as_deref())?;
    paths.iter().try_for_each(|path| check_rereadable(path))?;
    let made = paths.is_empty().then(MadePostings::write).transpose()?;
    let paths: Vec<&Path> = match &made {
        Some(made) => vec![&made.0],
        None => paths.iter().map(PathBuf::as_path).collect(),
    };
    let mut extents = Vec::new();
    for path in &paths {
        let extent = Extent::of(path, options)?;
        label(path, &classifier, options, extent.records, options.threads)?;
        extents.push(extent);
    }
    let peak_memory = peak_memory();
    let mut inputs = Vec::new();
    let mut middling = None;
    for (path, extent) in paths.iter().zip(&extents) {
        let sample = Sample::read(path, options, extent)?;
        inputs.push(measure_one(path, &sample, &classifier, options, extent)?);
        middling.get_or_insert_with(|| sample.middling());
    }
    if let (Some(_), Some(input)) = (&made, inputs.first_mut()) {
        "postings made from the shipped ones".clone_into(&mut input.input);
        input.made = true;
    }
    Ok(Bench {
        version: env!("CARGO_PKG_VERSION"),
        threads: options.threads,
        inputs,
        start_up: start_up(options, &middling.unwrap_or_default())?,
        peak_memory,
        model: model_size(&classifier, options),
    })
}

/// Refuses what can be read only once.
fn check_rereadable(path: &Path) -> Result<()> {
    let origin = Origin::of(path);
    if !origin.is_stream() {
        return Ok(());
    }
    Err(Error::Data {
        origin: origin.name(),
        line: None,
        reason: "it can be read only once, and measuring reads it again and again; save it to a file first".to_owned(),
    })
}

fn open(model: Option<&Path>) -> Result<Classifier> {
    model.map_or_else(Classifier::embedded, Classifier::open)
}

/// A file of made postings; it is removed when this is dropped.
struct MadePostings(PathBuf);

impl MadePostings {
    fn write() -> Result<Self> {
        let name = format!("rolecall-bench-{}.csv", std::process::id());
        let path = std::env::temp_dir().join(name);
        let io = |source| Error::Io {
            action: "write",
            path: path.clone(),
            source,
        };
        let made = Self(path.clone());
        let mut out = BufWriter::new(File::create(&path).map_err(io)?);
        write_made(MADE, SEED, &mut out).map_err(io)?;
        out.flush().map_err(io)?;
        Ok(made)
    }
}

impl Drop for MadePostings {
    fn drop(&mut self) {
        // A file left behind among the temporary ones is no reason to fail.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes postings as CSV until there are `bytes` bytes: the title of one shipped posting
/// over the texts of two, all drawn at random. The same seed draws the same.
///
/// # Errors
/// When writing fails.
pub fn write_made(bytes: usize, seed: u64, out: &mut impl Write) -> io::Result<()> {
    let mut rows = csv::Reader::from_reader(SHIPPED.as_bytes());
    let headers = rows.headers()?.clone();
    let column = |name| headers.iter().position(|h| h == name).unwrap_or_default();
    let (title, description) = (column("title"), column("description"));
    let rows: Vec<csv::StringRecord> = rows.records().collect::<csv::Result<_>>()?;
    let mut random = SplitMix(seed);
    let mut row = || &rows[random.below(rows.len())];
    let mut record = b"title,description\n".to_vec();
    let mut written = 0;
    while written < bytes {
        delimited::write_value(&row()[title], b',', &mut record);
        record.push(b',');
        let text = format!("{}\n\n{}", &row()[description], &row()[description]);
        delimited::write_value(&text, b',', &mut record);
        record.push(b'\n');
        out.write_all(&record)?;
        written += record.len();
        record.clear();
    }
    Ok(())
}

/// How much of an input is measured.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    /// Records, good and bad.
    records: u64,
    /// Their bytes.
    bytes: usize,
    /// Whether that is all of it.
    whole: bool,
}

impl Extent {
    fn of(path: &Path, options: &BenchOptions) -> Result<Self> {
        let mut source = Source::open(path, options)?;
        let mut extent = Self::default();
        while extent.bytes < SAMPLE {
            if !source.advance()? {
                extent.whole = true;
                return Ok(extent);
            }
            extent.records += source.records();
            extent.bytes += source.bytes()?;
        }
        extent.whole = !source.advance()?;
        Ok(extent)
    }
}

/// An input being read as labelling reads it.
struct Source {
    input: Input,
    chosen: Chosen,
    batch: Batch,
}

impl Source {
    fn open(path: &Path, options: &BenchOptions) -> Result<Self> {
        let read = Arc::default();
        let mut input = Input::open(&Origin::of(path), &ReadOptions::default(), &read)?;
        let chosen = columns::choose(&mut input, &options.wishes)?;
        let batch = Batch::default();
        Ok(Self {
            input,
            chosen,
            batch,
        })
    }

    /// Reads the next batch; false at the end.
    fn advance(&mut self) -> Result<bool> {
        self.input.next_into(&mut self.batch)
    }

    /// Records of the batch.
    fn records(&mut self) -> u64 {
        self.batch.limit(u64::MAX)
    }

    /// Bytes of the batch; of Parquet those of titles and texts, for there is no other
    /// text.
    #[cfg_attr(not(feature = "parquet"), allow(clippy::unnecessary_wraps))]
    fn bytes(&self) -> Result<usize> {
        #[cfg(feature = "parquet")]
        if self.batch.columns.is_some() {
            let mut bytes = 0;
            self.postings(|_, title, text| bytes += title.len() + text.len())?;
            return Ok(bytes);
        }
        Ok(self.batch.chunk.bytes.len())
    }

    /// Shows record, title and text of the batch's postings; what cannot be read is left
    /// out.
    #[cfg_attr(not(feature = "parquet"), allow(clippy::unnecessary_wraps))]
    fn postings(&self, mut show: impl FnMut(&str, &str, &str)) -> Result<()> {
        #[cfg(feature = "parquet")]
        if let Some(rows) = &self.batch.columns {
            let postings = writers::parquet::Postings::of(rows, &self.chosen)?;
            for row in 0..rows.num_rows() {
                let (title, text) = postings.get(row);
                show("", &title, &text);
            }
            return Ok(());
        }
        let chunk = &self.batch.chunk;
        let all = std::str::from_utf8(&chunk.bytes).ok();
        let mut ranges = Vec::new();
        for range in &chunk.records {
            let record = match all {
                Some(all) => Ok(&all[range.clone()]),
                None => std::str::from_utf8(&chunk.bytes[range.clone()]),
            };
            let Ok(record) = record else { continue };
            let Ok(row) = Row::of(record, self.input.format, &mut ranges) else {
                continue;
            };
            let is_whole = match &row {
                Row::Fields { ranges, .. } => ranges.len() == self.input.columns.len(),
                Row::Object(_) => true,
            };
            if is_whole && let (Ok(title), Ok(text)) = self.parts(&row) {
                show(record, &title, &text);
            }
        }
        Ok(())
    }

    fn parts<'r>(&self, row: &Row<'r>) -> (Reading<Cow<'r, str>>, Reading<Cow<'r, str>>) {
        let joined = |fields| row.joined(&self.input.columns, fields);
        (joined(&self.chosen.title), joined(&self.chosen.text))
    }
}

/// The postings that the stages work on.
struct Sample {
    format: Format,
    compression: &'static str,
    ads: Vec<Ad>,
}

struct Ad {
    /// The record that holds it, as it stands in the input; empty in Parquet.
    record: String,
    title: String,
    text: String,
}

impl Ad {
    fn posting(&self) -> Posting<'_> {
        Posting::titled(&self.title, &self.text)
    }
}

impl Sample {
    fn read(path: &Path, options: &BenchOptions, extent: &Extent) -> Result<Self> {
        let mut source = Source::open(path, options)?;
        let mut ads = Vec::new();
        let mut records = 0;
        while records < extent.records && source.advance()? {
            records += source.records();
            source.postings(|record, title, text| {
                ads.push(Ad {
                    record: record.to_owned(),
                    title: title.to_owned(),
                    text: text.to_owned(),
                });
            })?;
        }
        if ads.is_empty() {
            return Err(Error::Data {
                origin: path.display().to_string(),
                line: None,
                reason:
                    "no posting in it can be read; `rolecall label` says what is wrong with each"
                        .to_owned(),
            });
        }
        Ok(Self {
            format: source.input.format,
            compression: source.input.compression.as_str(),
            ads,
        })
    }

    /// The text of middling length.
    fn middling(&self) -> String {
        let mut texts: Vec<&str> = self.ads.iter().map(|ad| ad.text.as_str()).collect();
        texts.sort_by_key(|text| text.len());
        texts[texts.len() / 2].to_owned()
    }
}

/// Labels the first records of a file to nowhere, as `rolecall label` does.
fn label(
    path: &Path,
    classifier: &Classifier,
    options: &BenchOptions,
    records: u64,
    threads: usize,
) -> Result<()> {
    let label = LabelOptions {
        wishes: options.wishes.clone(),
        limit: Some(records),
        threads,
        ..LabelOptions::default()
    };
    let nowhere = Destination::File(PathBuf::from(NOWHERE));
    let origins = vec![Origin::of(path)];
    Job::new(classifier, &label, &Progress::default(), origins, nowhere)?.run()?;
    Ok(())
}

fn measure_one(
    path: &Path,
    sample: &Sample,
    classifier: &Classifier,
    options: &BenchOptions,
    extent: &Extent,
) -> Result<Measured> {
    let mut stages = Stages::new(sample, classifier);
    let mut counts = vec![1, options.threads];
    counts.dedup();
    let mut whole = vec![Vec::new(); counts.len()];
    let mut passes: Vec<Pass> = Vec::new();
    let (mut next, mut first) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while passes.len() < FEWEST_PASSES
        || (begun.elapsed().as_secs_f64() < options.seconds && passes.len() < MOST_PASSES)
    {
        for (&threads, times) in counts.iter().zip(&mut whole) {
            let labelled = timed(|| label(path, classifier, options, extent.records, threads));
            times.push(labelled.0);
            labelled.1?;
        }
        let (seconds, read) = timed(|| read(path, options, extent));
        read?;
        let one_thread = whole[0].last().copied().unwrap_or_default();
        passes.push(stages.pass(seconds, one_thread, &mut next));
        first.extend(stages.first_ads(passes.len()));
    }
    let end_to_end = |(&threads, times): (&usize, Vec<f64>)| {
        let seconds = Seconds::of(times);
        EndToEnd {
            threads,
            seconds,
            mb_per_s: extent.bytes as f64 / 1e6 / seconds.median,
            postings_per_s: extent.records as f64 / seconds.median,
        }
    };
    Ok(Measured {
        input: path.display().to_string(),
        made: false,
        format: sample.format.describe(),
        compression: sample.compression,
        whole: extent.whole,
        postings: sample.ads.len(),
        bytes: extent.bytes,
        label: counts.iter().zip(whole).map(end_to_end).collect(),
        stages: stages.summary(&passes, extent.bytes),
        next_ad: Latency::of(next),
        first_ad: Latency::of(first),
    })
}

/// Reads the first records of a file up to title and text.
fn read(path: &Path, options: &BenchOptions, extent: &Extent) -> Result<()> {
    let mut source = Source::open(path, options)?;
    let mut records = 0;
    while records < extent.records && source.advance()? {
        records += source.records();
        source.postings(|_, title, text| {
            black_box((title, text));
        })?;
    }
    Ok(())
}

/// Seconds that some work takes, and what it gives.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let given = work();
    (begun.elapsed().as_secs_f64(), given)
}

/// The stages' names, in the order of a [`Pass`].
const STAGES: [&str; 8] = [
    "read", "text", "tokens", "features", "model", "language", "write", "other",
];

/// Seconds of each stage.
type Pass = [f64; STAGES.len()];

/// The stages between reading and writing, with what each of them starts from.
struct Stages<'a> {
    sample: &'a Sample,
    classifier: &'a Classifier,
    scorer: &'a Scorer,
    texts: Vec<Text<'a>>,
    analyses: Vec<Analysis>,
    verdicts: Vec<Verdict>,
    appended: Appended,
    memo: Memo,
    scratch: Scratch,
}

impl<'a> Stages<'a> {
    fn new(sample: &'a Sample, classifier: &'a Classifier) -> Self {
        let scorer = &classifier.model().content;
        let mut memo = Memo::default();
        let mut scratch = Scratch::default();
        let texts: Vec<Text> = sample.ads.iter().map(|ad| Text::new(&ad.text)).collect();
        let analyse = |text| scorer.space.analyse(text, &mut memo);
        let analyses = texts.iter().map(analyse).collect();
        let verdict = |ad: &Ad| {
            let prediction = classifier.classify_with(ad.posting(), &mut scratch);
            Verdict {
                label: prediction.label,
                status: prediction.status.as_str().into(),
                prediction: Some(prediction),
                terms: String::new(),
            }
        };
        Self {
            verdicts: sample.ads.iter().map(verdict).collect(),
            appended: Appended::new(classifier, "", false),
            sample,
            classifier,
            scorer,
            texts,
            analyses,
            memo,
            scratch,
        }
    }

    /// Measures every stage once. Reading took `read` seconds and the whole `whole`; the
    /// seconds of each single ad are appended to `ads`.
    fn pass(&mut self, read: f64, whole: f64, ads: &mut Vec<f64>) -> Pass {
        let text = timed(|| {
            for ad in &self.sample.ads {
                black_box(Text::new(&ad.text));
            }
        });
        let tokens = self.tokens();
        // Finding the features begins with the tokens.
        let features = (self.features() - tokens).max(0.0);
        let (model, language) = (self.model(), self.language());
        let write = self.write();
        for ad in &self.sample.ads {
            let (posting, scratch) = (ad.posting(), &mut self.scratch);
            let (seconds, _) = timed(|| black_box(self.classifier.classify_with(posting, scratch)));
            ads.push(seconds);
        }
        let all = [read, text.0, tokens, features, model, language, write];
        let other = (whole - all.iter().sum::<f64>()).max(0.0);
        let [read, text, tokens, features, model, language, write] = all;
        [read, text, tokens, features, model, language, write, other]
    }

    fn tokens(&self) -> f64 {
        let mut tokens = Vec::new();
        timed(|| {
            for text in &self.texts {
                tokens.clear();
                token::tokenize_into(text.as_str(), &mut tokens);
                black_box(&tokens);
            }
        })
        .0
    }

    fn features(&mut self) -> f64 {
        let mut analysis = Analysis::default();
        timed(|| {
            for text in &self.texts {
                self.scorer
                    .space
                    .analyse_into(text, &mut self.memo, &mut analysis);
                black_box(&analysis);
            }
        })
        .0
    }

    fn model(&self) -> f64 {
        let mut logits = Vec::new();
        timed(|| {
            for analysis in &self.analyses {
                self.scorer.linear.logits_into(&analysis.row, &mut logits);
                black_box(&logits);
            }
        })
        .0
    }

    fn language(&self) -> f64 {
        timed(|| {
            for (text, analysis) in self.texts.iter().zip(&self.analyses) {
                let words = &analysis.words;
                let n = words.tokens.len();
                black_box(language::detect_among(text.as_str(), n, words.functional));
            }
        })
        .0
    }

    /// The records with their verdicts behind them. Rows of Parquet are written by
    /// columns, which is not measured by itself.
    fn write(&self) -> f64 {
        let mut out = Vec::new();
        timed(|| {
            for (ad, verdict) in self.sample.ads.iter().zip(&self.verdicts) {
                out.extend_from_slice(ad.record.as_bytes());
                match self.sample.format {
                    Format::Delimited(delimiter) => {
                        writers::delimited::write(verdict, &self.appended, delimiter, &mut out);
                    }
                    Format::Parquet => {}
                    _ => writers::json_lines::write(verdict, &self.appended, &mut out),
                }
                if out.len() > 1 << 20 {
                    black_box(&out);
                    out.clear();
                }
            }
        })
        .0
    }

    /// Seconds of some ads, each in fresh memory; other ads in every pass.
    fn first_ads(&self, pass: usize) -> Vec<f64> {
        let ads = self.sample.ads.iter().cycle().skip(pass * FIRST_ADS);
        let classify = |ad: &Ad| timed(|| black_box(self.classifier.classify(ad.posting()))).0;
        ads.take(FIRST_ADS).map(classify).collect()
    }

    /// The medians of the passes.
    fn summary(&self, passes: &[Pass], bytes: usize) -> Vec<Stage> {
        let median = |stage| Seconds::of(passes.iter().map(|pass| pass[stage]).collect()).median;
        let medians: Vec<f64> = (0..STAGES.len()).map(median).collect();
        let whole: f64 = medians.iter().sum();
        let stages = STAGES.iter().zip(&medians);
        let stages =
            stages.filter(|(stage, _)| **stage != "write" || self.sample.format != Format::Parquet);
        stages
            .map(|(stage, seconds)| Stage {
                stage,
                us_per_posting: seconds * 1e6 / self.sample.ads.len() as f64,
                mb_per_s: (*stage != "other").then(|| bytes as f64 / 1e6 / seconds),
                share: seconds / whole,
            })
            .collect()
    }
}

fn start_up(options: &BenchOptions, ad: &str) -> Result<StartUp> {
    let (mut opening, mut version, mut classify) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (seconds, opened) = timed(|| open(options.model.as_deref()));
        opened?;
        opening.push(seconds);
        if let Some(program) = &options.program {
            version.push(run(Command::new(program).arg("--version"), "")?);
            let mut command = Command::new(program);
            command.args(["classify", "--json", "-"]);
            if let Some(model) = &options.model {
                command.arg("--model").arg(model);
            }
            classify.push(run(&mut command, ad)?);
        }
    }
    let milliseconds = |times: Vec<f64>| Seconds::of(times).median * 1e3;
    let measured = |times: Vec<f64>| (!times.is_empty()).then(|| milliseconds(times));
    Ok(StartUp {
        open_model_ms: milliseconds(opening),
        version_ms: measured(version),
        classify_ms: measured(classify),
    })
}

/// Seconds that a process takes with a standard input.
fn run(command: &mut Command, stdin: &str) -> Result<f64> {
    let program = PathBuf::from(command.get_program());
    let begun = Instant::now();
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let waited = child.and_then(|mut child| {
        if let Some(mut input) = child.stdin.take() {
            // A program that wants no input closes it.
            let _ = input.write_all(stdin.as_bytes());
        }
        child.wait()
    });
    waited.map_err(|source| Error::Io {
        action: "run",
        path: program,
        source,
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

fn model_size(classifier: &Classifier, options: &BenchOptions) -> ModelSize {
    let size = |path: &Path| std::fs::metadata(path).ok().map(|m| m.len());
    let embedded = || classifier::EMBEDDED.len() as u64;
    let of_file = options.model.as_deref().map(|path| size(path).unwrap_or(0));
    ModelSize {
        id: classifier.model_id().to_owned(),
        bytes: of_file.unwrap_or_else(embedded),
        features: classifier.model().content.space.len(),
        labels: classifier.labels().len(),
        program_bytes: options.program.as_deref().and_then(size),
    }
}

/// The most memory that this process has held so far, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.5), 50.0);
        assert_eq!(percentile(&sorted, 0.99), 99.0);
        assert_eq!(percentile(&[3.0], 0.99), 3.0);
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 0.5), 2.0);
    }

    #[test]
    fn spread_is_half_the_range_over_the_median() {
        let seconds = Seconds::of(vec![1.2, 0.9, 1.0]);
        assert_eq!(
            (seconds.least, seconds.median, seconds.most),
            (0.9, 1.0, 1.2)
        );
        assert!((seconds.spread() - 0.15).abs() < 1e-12);
    }

    #[test]
    fn made_postings_repeat_themselves_and_are_csv() {
        let made = |seed| {
            let mut out = Vec::new();
            write_made(50_000, seed, &mut out).unwrap();
            out
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        let out = made(1);
        assert!((50_000..60_000).contains(&out.len()), "{}", out.len());
        let mut rows = csv::Reader::from_reader(&*out);
        let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.unwrap()).collect();
        assert!(rows.len() > 5);
        for row in rows {
            assert!(!row[0].is_empty() && row[1].len() > 100, "{row:?}");
        }
    }
}
