//! `rolecall classify`: one ad, its role and the reason.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value, json};
use unicode_width::UnicodeWidthStr;

use super::{
    Failure, ModelArguments, Outcome, mistaken_for_file, name_of, output, paste, read_input, warn,
};
use crate::ad::Ad;
use crate::classifier::Classifier;
use crate::posting::Posting;
use crate::prediction::{Evidence, EvidenceKind, Explanation, Status};

/// Probability from which a verdict counts as clear.
const CLEAR: f64 = 0.8;
/// Distance to the second label below which it counts as torn.
const TORN: f64 = 0.2;
/// Width of a full probability bar, in columns.
const BAR: usize = 30;

/// Label one job ad and show what decided it
///
/// The ad may be plain text, Markdown, HTML, or a schema.org JobPosting in JSON-LD, alone or in a saved web page.
/// Without FILE it is read from standard input, or pasted at a prompt.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// File with the ad; `-` is standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArguments,
    /// The job's title, when it does not stand in the ad
    #[arg(long, conflicts_with = "ignore_title")]
    title: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the ad too, with the words that decided marked in it
    #[arg(long, conflicts_with = "json")]
    highlight: bool,
    /// How many terms of evidence to show
    #[arg(long, value_name = "N", default_value_t = 12)]
    evidence: usize,
    /// Refuse larger inputs
    #[arg(long, value_name = "N", default_value_t = 8 << 20)]
    max_bytes: u64,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let classifier = arguments.model.classifier()?;
    let (bytes, origin) = input(arguments)?;
    let ad = Ad::read(&bytes, &origin)?;
    ad.warnings.iter().for_each(|warning| warn(warning));
    let mut posting = ad.posting();
    if let Some(title) = &arguments.title {
        posting = Posting::titled(title, posting.description);
    }
    if arguments.model.ignore_title {
        posting.title = None;
    }
    let explanation = classifier.explain(posting);
    let mut out = output();
    if arguments.json {
        writeln!(
            out,
            "{:#}",
            to_json(&classifier, posting, &explanation, arguments.evidence)
        )?;
    } else {
        let page = Page {
            classifier: &classifier,
            posting,
            explanation: &explanation,
        };
        page.print(arguments, &mut out)?;
    }
    Ok(out.flush()?)
}

fn input(arguments: &Arguments) -> Result<(Vec<u8>, String), Failure> {
    let stdin = Path::new("-");
    let path = match &arguments.file {
        Some(path) => path.as_path(),
        None if io::stdin().is_terminal() => {
            let pasted =
                paste::read(arguments.max_bytes).map_err(|e| Failure::Usage(e.to_string()))?;
            if pasted.len() as u64 > arguments.max_bytes {
                return Err(Failure::Usage(format!(
                    "more than {} bytes pasted; raise --max-bytes",
                    arguments.max_bytes
                )));
            }
            return Ok((pasted, "the pasted text".to_owned()));
        }
        None => stdin,
    };
    if path != stdin
        && !path.exists()
        && let Some(advice) = mistaken_for_file(&path.to_string_lossy())
    {
        return Err(Failure::Usage(advice));
    }
    Ok((read_input(path, arguments.max_bytes)?, name_of(path)))
}

/// The stable JSON answer; README.md documents it.
fn to_json(
    classifier: &Classifier,
    posting: Posting,
    explanation: &Explanation,
    terms: usize,
) -> Value {
    let labels = classifier.labels();
    let prediction = &explanation.prediction;
    let named = |values: &[f64]| -> Map<String, Value> {
        labels
            .iter()
            .cloned()
            .zip(values.iter().map(|v| json!(v)))
            .collect()
    };
    let evidence = |e: &Evidence| {
        json!({
            "term": e.term,
            "kind": e.kind.as_str(),
            "count": e.spans.len(),
            "contribution": named(&e.contributions),
            "spans": e.spans.iter().map(|s| [s.start, s.end]).collect::<Vec<_>>(),
        })
    };
    let label = |label: Option<usize>| label.map(|l| labels[l].as_str());
    json!({
        "label": label(prediction.label),
        "status": prediction.status.as_str(),
        "confidence": prediction.confidence(),
        "margin": prediction.margin(),
        "probabilities": named(&prediction.probabilities),
        "title": posting.title,
        "title_label": label(prediction.title_label),
        "language": prediction.language,
        "evidence": explanation.strongest(terms).iter().map(evidence).collect::<Vec<_>>(),
        "model_id": classifier.model_id(),
    })
}

/// One colour per label, in the model's order.
fn style_of(label: usize) -> Style {
    const COLOURS: [AnsiColor; 6] = [
        AnsiColor::Blue,
        AnsiColor::Green,
        AnsiColor::Magenta,
        AnsiColor::Yellow,
        AnsiColor::Cyan,
        AnsiColor::Red,
    ];
    COLOURS[label % COLOURS.len()].on_default()
}

/// What a person sees.
struct Page<'a> {
    classifier: &'a Classifier,
    posting: Posting<'a>,
    explanation: &'a Explanation,
}

impl Page<'_> {
    fn print(&self, arguments: &Arguments, out: &mut impl Write) -> io::Result<()> {
        self.print_verdict(out)?;
        self.print_title(out)?;
        self.print_probabilities(out)?;
        self.print_evidence(arguments.evidence, out)?;
        if arguments.highlight {
            writeln!(out)?;
            self.print_ad(arguments.evidence, out)?;
        }
        Ok(())
    }

    fn name(&self, label: usize) -> &str {
        &self.classifier.labels()[label]
    }

    fn print_verdict(&self, out: &mut impl Write) -> io::Result<()> {
        let prediction = &self.explanation.prediction;
        let ranking = prediction.ranking();
        let bold = Style::new().bold();
        let Some(label) = prediction.label else {
            let reason = match prediction.status {
                Status::Foreign => format!(
                    "written in `{}`, and this model knows {}",
                    prediction.language.unwrap_or("?"),
                    self.classifier.model().languages.join(", ")
                ),
                _ => "too few words that the model knows".to_owned(),
            };
            return writeln!(
                out,
                "{bold}no label{bold:#}: {reason}; the probabilities below are not to be trusted"
            );
        };
        let (style, name) = (style_of(label).bold(), self.name(label));
        let percent = prediction.confidence() * 100.0;
        let manner = if prediction.confidence() >= CLEAR {
            "clear".to_owned()
        } else if prediction.margin() >= TORN || ranking.len() < 2 {
            "leaning".to_owned()
        } else {
            format!("torn between {name} and {}", self.name(ranking[1]))
        };
        writeln!(out, "{style}{name}{style:#} – {manner}, {percent:.0} %")?;
        if prediction.status == Status::TitleOnly {
            writeln!(
                out,
                "  The description says nothing; this rests on the title alone."
            )?;
        }
        let calibration = self.classifier.calibration(self.posting.title.is_some());
        if let Some(bin) = calibration.reliability_of(prediction.confidence()) {
            let share = 100.0 * bin.right as f64 / bin.postings as f64;
            writeln!(
                out,
                "  Of {} ads judged about as surely in cross-validation, {share:.0} % were labelled right.",
                bin.postings
            )?;
        }
        Ok(())
    }

    fn print_title(&self, out: &mut impl Write) -> io::Result<()> {
        let prediction = &self.explanation.prediction;
        let Some(title) = self.posting.title else {
            return Ok(());
        };
        let shown = visible(title);
        match (prediction.title_label, prediction.content_label) {
            (Some(title), Some(content)) if title != content => {
                writeln!(
                    out,
                    "  Titled “{shown}” ({}), reads like {}.",
                    self.name(title),
                    self.name(content)
                )
            }
            (Some(title), _) => writeln!(out, "  Titled “{shown}” ({}).", self.name(title)),
            _ => writeln!(out, "  Titled “{shown}”."),
        }
    }

    fn print_probabilities(&self, out: &mut impl Write) -> io::Result<()> {
        let prediction = &self.explanation.prediction;
        let width = self
            .classifier
            .labels()
            .iter()
            .map(|l| l.width())
            .max()
            .unwrap_or(0);
        writeln!(out)?;
        for label in prediction.ranking() {
            let p = prediction.probabilities[label];
            let bar = "█".repeat((p * BAR as f64).round() as usize);
            let style = style_of(label);
            write!(out, "  {:width$}  {:5.1} %", self.name(label), p * 100.0)?;
            let gap = if bar.is_empty() { "" } else { "  " };
            writeln!(out, "{gap}{style}{bar}{style:#}")?;
        }
        Ok(())
    }

    fn print_evidence(&self, terms: usize, out: &mut impl Write) -> io::Result<()> {
        let label = self.explanation.prediction.ranking()[0];
        let shown = self.explanation.strongest(terms);
        let is_term = |e: &&Evidence| !matches!(e.kind, EvidenceKind::Bias | EvidenceKind::Rest);
        let mut terms: Vec<&Evidence> = shown.iter().filter(is_term).collect();
        terms.sort_by(|a, b| b.in_favour(label).total_cmp(&a.in_favour(label)));
        let width = terms
            .iter()
            .map(|e| visible(&e.term).width())
            .max()
            .unwrap_or(0);
        for (head, wanted) in [("for", true), ("against", false)] {
            let mut side: Vec<&&Evidence> = terms
                .iter()
                .filter(|e| (e.in_favour(label) > 0.0) == wanted)
                .collect();
            if side.is_empty() {
                continue;
            }
            if !wanted {
                side.reverse();
            }
            writeln!(out, "\n  {head} {}", self.name(label))?;
            for e in side {
                let term = visible(&e.term);
                let pad = " ".repeat(width - term.width());
                let times = if e.spans.len() > 1 {
                    format!(" ×{}", e.spans.len())
                } else {
                    String::new()
                };
                let leans = if wanted {
                    String::new()
                } else {
                    format!("  → {}", self.name(leaning(e)))
                };
                let style = style_of(if wanted { label } else { leaning(e) });
                writeln!(
                    out,
                    "  {:+6.2}  {style}{term}{style:#}{pad}  {}{times}{leans}",
                    e.in_favour(label),
                    e.kind.as_str()
                )?;
            }
        }
        Ok(())
    }

    /// The ad with every span of evidence in the colour of the label that it speaks for,
    /// in brackets with the label's name where there are no colours.
    fn print_ad(&self, terms: usize, out: &mut impl Write) -> io::Result<()> {
        let shown = self.explanation.strongest(terms);
        let mut marks: Vec<(std::ops::Range<usize>, usize)> = shown
            .iter()
            .filter(|e| e.kind != EvidenceKind::Title)
            .flat_map(|e| e.spans.iter().map(|span| (span.clone(), leaning(e))))
            .collect();
        marks.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let text = self.posting.description;
        let mut at = 0;
        for (span, label) in marks {
            if span.start < at {
                continue;
            }
            let style = style_of(label).bold().underline();
            let name = self.name(label);
            write!(out, "{}", visible(&text[at..span.start]))?;
            write!(
                out,
                "{style}[{}]{style:#}({name})",
                visible(&text[span.clone()])
            )?;
            at = span.end;
        }
        writeln!(out, "{}", visible(text[at..].trim_end()))
    }
}

/// The label that a piece of evidence speaks for most.
fn leaning(evidence: &Evidence) -> usize {
    let c = &evidence.contributions;
    (0..c.len())
        .max_by(|&a, &b| c[a].total_cmp(&c[b]).then(b.cmp(&a)))
        .unwrap_or(0)
}

/// Text with control characters made visible, so that an ad cannot steer the terminal.
fn visible(text: &str) -> String {
    let show = |c: char| match c {
        '\n' | '\t' => c,
        '\u{7f}' => '\u{2421}',
        c if (c as u32) < 32 => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(show).collect()
}
