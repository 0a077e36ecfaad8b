//! `rolecall classify`: one ad, its role and the reason.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{
    Failure, ModelArguments, Outcome, check_places, mistaken_for_file, name_of, output, paste,
    read_input, warn, write_text,
};
use crate::ad::Ad;
use crate::classifier::Classifier;
use crate::posting::Posting;
use crate::prediction::{Evidence, EvidenceKind, Explanation};
use crate::report::terminal::Terminal;
use crate::report::{self, View};

/// A page has room for at least this many terms.
const EVIDENCE_ON_A_PAGE: usize = 40;

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
    /// Write a page about the ad, one self-contained HTML file; `-` prints it instead of the text
    #[arg(long, value_name = "OUT")]
    html: Option<PathBuf>,
    /// How many terms of evidence to show
    #[arg(long, value_name = "N", default_value_t = 12)]
    evidence: usize,
    /// Refuse larger inputs
    #[arg(long, value_name = "N", default_value_t = 8 << 20)]
    max_bytes: u64,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let inputs = arguments.file.iter().chain(&arguments.model.model);
    check_places(
        [(&arguments.html, "the page")],
        inputs.map(PathBuf::as_path),
    )?;
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
    if let Some(path) = &arguments.html {
        let view = View {
            classifier: &classifier,
            posting,
            explanation: &explanation,
            terms: arguments.evidence.max(EVIDENCE_ON_A_PAGE),
        };
        let page = report::ad_page(&view);
        write_text(path, &page)?;
        if path == Path::new("-") {
            return Ok(());
        }
    }
    if arguments.json {
        writeln!(
            out,
            "{:#}",
            to_json(
                &classifier,
                posting,
                ad.offset,
                &explanation,
                arguments.evidence
            )
        )?;
    } else {
        let view = View {
            classifier: &classifier,
            posting,
            explanation: &explanation,
            terms: arguments.evidence,
        };
        let terminal = terminal();
        write!(out, "{}", terminal.verdict(&view))?;
        if arguments.highlight {
            write!(out, "\n{}", terminal.highlighted(&view))?;
        }
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

/// The stable JSON answer; README.md documents it. The description begins `offset` bytes into
/// what was given.
fn to_json(
    classifier: &Classifier,
    posting: Posting,
    offset: usize,
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
        let offset = if e.kind == EvidenceKind::Title {
            0
        } else {
            offset
        };
        json!({
            "term": e.term,
            "kind": e.kind.as_str(),
            "count": e.spans.len(),
            "contribution": named(&e.contributions),
            "spans": e.spans.iter().map(|s| [s.start + offset, s.end + offset]).collect::<Vec<_>>(),
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

/// Standard output as it is drawn on: `COLUMNS` wins over what the terminal says, so that
/// a width can be asked for where there is no terminal.
fn terminal() -> Terminal {
    let asked = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let width = asked.or_else(|| {
        let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
        Some(usize::from(width.0))
    });
    let choice = anstream::AutoStream::choice(&io::stdout());
    Terminal {
        width: width.unwrap_or(80),
        colours: choice != anstream::ColorChoice::Never,
    }
}
