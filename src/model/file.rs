//! The model file: text, one feature a line, so that two models can be compared with
//! `diff`; complete, so that a prediction needs nothing else; checked, so that a
//! damaged file is refused instead of believed.
//!
//! ```text
//! rolecall-model 1                            format and its version
//! sha256 <64 hexadecimal digits>              of every byte after this line
//! tokenizer rolecall-words-1                  how text becomes words; another one is refused
//! stemmer snowball-english-2.2
//! labels <TAB> DS <TAB> MLE …                 the order of all weights
//! languages <TAB> en                          what the training postings were written in
//! data <64 hexadecimal digits>                fingerprint of the training rows
//! fact <TAB> name <TAB> value                 counts, parameters, seed; any number of lines
//! rows <TAB> 1468 <TAB> …                     training rows of every label
//! parents <TAB> id …                          the models that it was adapted from, nearest first
//! title-weight 0.6
//! calibration content 1.1 400:12:5 …          temperature; bins: thousandths:postings:right
//! shares content <TAB> 0.21 <TAB> …           mean probability of every label on rows held out
//! confusion content <TAB> 1300 <TAB> …        truth against prediction on them, truth by truth;
//!                                             files written before it was recorded lack it
//! calibration title …
//! shares title …
//! confusion title …
//! lexicon <lines>                             the skill lexicon, TOML
//! …
//! content <skill, group, blend scale> <mask>  settings of the feature space
//! bias <TAB> w …                              one number per label
//! terms <count>
//! stem or stems <TAB> idf <TAB> w …
//! others <count>
//! name <TAB> w …                              skills, groups, roles, blends
//! title …                                     the same for the title, or `title none`
//! seen <count>                                the texts that it was trained on, as identities
//! <16 hexadecimal digits each, 8 to a line>   (the first 64 bits of the SHA-256 of the words)
//! end
//! ```

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::str::{FromStr, Lines};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::features::{FeatureSettings, FeatureSpace, Term, Vocabulary};
use crate::model::{Calibration, Linear, Model, Provenance, Reliability, Scorer};
use crate::skills::Lexicon;
use crate::token::{STEMMER, TOKENIZER};

/// Format name and version, the first line of every model file.
const MAGIC: &str = "rolecall-model 1";

/// A larger file is no model of this program.
const LARGEST: u64 = 256 << 20;

/// No weight, scale or temperature comes near it; larger ones could overflow in sums.
const LARGEST_NUMBER: f64 = 1e9;

/// No cell of a confusion matrix counts more postings.
const LARGEST_COUNT: u64 = 1 << 24;

/// Identities of texts on one line.
const SEEN_A_LINE: usize = 8;

/// Digits of the checksum that make a model's id.
const ID_LENGTH: usize = 12;

/// Reads a model file's bytes.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::NotAModel`] when it is a directory or
/// far too large.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let io = |source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let not_a_model = |reason: &str| Error::NotAModel {
        origin: path.display().to_string(),
        reason: reason.to_owned(),
    };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(not_a_model("it is a directory"));
    }
    if metadata.len() > LARGEST {
        return Err(not_a_model("it is larger than 256 MiB"));
    }
    // A device has no length to check beforehand.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(not_a_model("it is larger than 256 MiB"));
    }
    Ok(bytes)
}

/// The text of a model, and its id.
#[must_use]
pub fn write(model: &Model) -> (String, String) {
    let body = body(model);
    let digest = hex(&Sha256::digest(body.as_bytes()));
    (
        format!("{MAGIC}\nsha256 {digest}\n{body}"),
        digest[..ID_LENGTH].to_owned(),
    )
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn body(model: &Model) -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments| {
        let _ = out.write_fmt(text);
        out.push('\n');
    };
    line(format_args!("tokenizer {TOKENIZER}"));
    line(format_args!("stemmer {STEMMER}"));
    line(format_args!("labels\t{}", model.labels.join("\t")));
    line(format_args!("languages\t{}", model.languages.join("\t")));
    line(format_args!("data {}", model.provenance.data));
    for (name, value) in &model.provenance.facts {
        line(format_args!("fact\t{name}\t{value}"));
    }
    line(format_args!("rows{}", numbers(&model.provenance.rows)));
    line(format_args!(
        "parents{}",
        numbers(&model.provenance.parents)
    ));
    line(format_args!("title-weight {}", model.title_weight));
    for (name, calibration) in [
        ("content", &model.content_calibration),
        ("title", &model.title_calibration),
    ] {
        let bins = calibration
            .reliability
            .iter()
            .map(|r| format!(" {}:{}:{}", r.below, r.postings, r.right));
        line(format_args!(
            "calibration {name} {}{}",
            calibration.temperature,
            bins.collect::<String>()
        ));
        line(format_args!(
            "shares {name}{}",
            numbers(&calibration.shares)
        ));
        if !calibration.confusion.is_empty() {
            let counts = calibration.confusion.concat();
            line(format_args!("confusion {name}{}", numbers(&counts)));
        }
    }
    let lexicon = model.content.space.lexicon().source().trim_end();
    line(format_args!(
        "lexicon {}\n{lexicon}",
        lexicon.lines().count()
    ));
    write_scorer("content", &model.content, &mut out);
    match &model.title {
        Some(title) => write_scorer("title", title, &mut out),
        None => out.push_str("title none\n"),
    }
    write_seen(&model.provenance.seen, &mut out);
    out.push_str("end\n");
    out
}

fn write_seen(seen: &[u64], out: &mut String) {
    let _ = writeln!(out, "seen {}", seen.len());
    for line in seen.chunks(SEEN_A_LINE) {
        for identity in line {
            let _ = write!(out, "{identity:016x}");
        }
        out.push('\n');
    }
}

fn write_scorer(name: &str, scorer: &Scorer, out: &mut String) {
    let (space, linear) = (&scorer.space, &scorer.linear);
    let FeatureSettings {
        skill_scale,
        group_scale,
        blend_scale,
        mask_role_names,
    } = space.settings();
    let _ = writeln!(
        out,
        "{name} {skill_scale} {group_scale} {blend_scale} {mask_role_names}"
    );
    let _ = writeln!(out, "bias{}", numbers(linear.bias()));
    let vocabulary = space.vocabulary();
    let n_terms = vocabulary.len();
    let _ = writeln!(out, "terms {n_terms}");
    for feature in 0..n_terms as u32 {
        let term = vocabulary.term(feature);
        let _ = writeln!(
            out,
            "{}\t{}{}",
            term.stems,
            term.idf,
            numbers(linear.weights(feature))
        );
    }
    let _ = writeln!(out, "others {}", space.len() - n_terms);
    for feature in n_terms as u32..space.len() as u32 {
        let _ = writeln!(
            out,
            "{}{}",
            space.describe(feature).1,
            numbers(linear.weights(feature))
        );
    }
}

fn numbers(values: &[impl std::fmt::Display]) -> String {
    values.iter().fold(String::new(), |mut text, value| {
        let _ = write!(text, "\t{value}");
        text
    })
}

/// Reads a model from its bytes; `origin` names it in messages. Returns its id too.
///
/// # Errors
/// [`Error::NotAModel`] when the first line is another, [`Error::ModelVersion`] when
/// format, tokenizer or stemmer are not this program's, [`Error::DamagedModel`] when
/// the checksum or anything else does not hold.
pub fn parse(bytes: &[u8], origin: &str) -> Result<(Model, String)> {
    let text = check_magic(bytes, origin)?;
    let mut lines = Reader {
        origin,
        lines: text.lines(),
        line: 1,
    };
    lines.next()?;
    let digest = lines.value("sha256")?;
    let body = text.splitn(3, '\n').nth(2).unwrap_or_default();
    if hex(&Sha256::digest(body.as_bytes())) != digest {
        return Err(lines.damaged("the checksum does not match the content"));
    }
    let id = digest[..ID_LENGTH].to_owned();
    for (what, expected) in [("tokenizer", TOKENIZER), ("stemmer", STEMMER)] {
        let found = lines.value(what)?;
        if found != expected {
            return Err(version(origin, what, found, expected));
        }
    }
    Ok((model(&mut lines)?, id))
}

fn check_magic<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str> {
    let not_a_model = |reason: String| Error::NotAModel {
        origin: origin.to_owned(),
        reason,
    };
    let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    if first != MAGIC.as_bytes() {
        let name = MAGIC.split(' ').next().unwrap_or_default();
        return Err(match std::str::from_utf8(first) {
            Ok(found) if found.starts_with(name) => version(origin, "format", found, MAGIC),
            _ if bytes.is_empty() => not_a_model("it is empty".to_owned()),
            _ => not_a_model(format!("its first line is not `{MAGIC}`")),
        });
    }
    std::str::from_utf8(bytes)
        .map_err(|e| not_a_model(format!("it is not UTF-8 after byte {}", e.valid_up_to())))
}

fn version(origin: &str, what: &'static str, found: &str, expected: &str) -> Error {
    Error::ModelVersion {
        origin: origin.to_owned(),
        what,
        found: found.chars().take(60).collect(),
        expected: expected.to_owned(),
    }
}

fn model(lines: &mut Reader) -> Result<Model> {
    let labels = lines.list("labels")?;
    if labels.len() < 2 {
        return Err(lines.damaged("fewer than two labels"));
    }
    let languages = lines.list("languages")?;
    let data = lines.value("data")?.to_owned();
    let mut facts = Vec::new();
    let rows = loop {
        let line = lines.next()?;
        match line
            .strip_prefix("fact\t")
            .and_then(|fact| fact.split_once('\t'))
        {
            Some((name, value)) => facts.push((name.to_owned(), value.to_owned())),
            None => break lines.counts(line.strip_prefix("rows\t").unwrap_or_default())?,
        }
    };
    if rows.len() != labels.len() {
        return Err(lines.damaged("not one number of rows a label"));
    }
    let line = lines.next()?;
    let parents = match line.strip_prefix("parents") {
        Some(parents) => parents.split('\t').skip(1).map(str::to_owned).collect(),
        None => return Err(lines.damaged("`parents` was expected")),
    };
    let line = lines.next()?;
    let title_weight = lines.number(line.strip_prefix("title-weight ").unwrap_or_default())?;
    let content_calibration = calibration(lines, "content", labels.len())?;
    let title_calibration = calibration(lines, "title", labels.len())?;
    let length = lines.count("lexicon")?;
    let mut lexicon = String::new();
    for _ in 0..length {
        lexicon.push_str(lines.next()?);
        lexicon.push('\n');
    }
    let lexicon = Arc::new(Lexicon::parse(&lexicon, lines.origin)?);
    let head = lines.value("content")?;
    let content = scorer(lines, head, &lexicon, labels.len())?;
    let title = match lines.value("title")? {
        "none" => None,
        head => Some(scorer(lines, head, &lexicon, labels.len())?),
    };
    let seen = seen(lines)?;
    if lines.next()? != "end" || lines.lines.next().is_some() {
        return Err(lines.damaged("the end is not where it should be"));
    }
    let provenance = Provenance {
        data,
        facts,
        rows,
        parents,
        seen,
    };
    Ok(Model {
        labels,
        languages,
        content,
        title,
        title_weight,
        content_calibration,
        title_calibration,
        provenance,
    })
}

/// The identities of the texts trained on, which must ascend.
fn seen(lines: &mut Reader) -> Result<Vec<u64>> {
    let count = lines.count("seen")?;
    let mut seen = Vec::new();
    while seen.len() < count {
        let line = lines.next()?;
        if line.len() != 16 * (count - seen.len()).min(SEEN_A_LINE) || !line.is_ascii() {
            return Err(lines.damaged("a line of identities has another length"));
        }
        for at in (0..line.len()).step_by(16) {
            let identity = u64::from_str_radix(&line[at..at + 16], 16);
            seen.push(identity.map_err(|_| lines.damaged("an identity is no number"))?);
        }
    }
    if seen.is_sorted() {
        Ok(seen)
    } else {
        Err(lines.damaged("the identities are not sorted"))
    }
}

fn calibration(lines: &mut Reader, name: &str, n_labels: usize) -> Result<Calibration> {
    let mut parts = lines.value(&format!("calibration {name}"))?.split(' ');
    let temperature: f64 = lines.number(parts.next().unwrap_or_default())?;
    if temperature <= 0.0 {
        return Err(lines.damaged("a temperature must be above 0"));
    }
    let mut reliability = Vec::new();
    for bin in parts {
        let mut numbers = bin.split(':');
        let mut next = || numbers.next().unwrap_or_default();
        let (below, postings, right) = (next(), next(), next());
        reliability.push(Reliability {
            below: lines.parsed(below)?,
            postings: lines.parsed(postings)?,
            right: lines.parsed(right)?,
        });
    }
    let line = lines.next()?;
    let shares = line.strip_prefix(&format!("shares {name}\t"));
    let shares = lines.row(shares.unwrap_or_default(), n_labels)?;
    if shares.iter().any(|share| *share <= 0.0) {
        return Err(lines.damaged("a share must be above 0"));
    }
    let confusion = match lines.next_if(&format!("confusion {name}\t")) {
        None => Vec::new(),
        Some(counts) => {
            let counts = lines.counts(counts)?;
            if counts.len() != n_labels * n_labels || counts.iter().any(|n| *n > LARGEST_COUNT) {
                return Err(lines.damaged("a confusion matrix has other counts"));
            }
            counts.chunks(n_labels).map(<[u64]>::to_vec).collect()
        }
    };
    Ok(Calibration {
        temperature,
        shares,
        reliability,
        confusion,
    })
}

fn scorer(
    lines: &mut Reader,
    head: &str,
    lexicon: &Arc<Lexicon>,
    n_labels: usize,
) -> Result<Scorer> {
    let mut parts = head.split(' ');
    let mut next = || parts.next().unwrap_or_default();
    let (skill, group, blend, mask) = (next(), next(), next(), next());
    let settings = FeatureSettings {
        skill_scale: lines.number(skill)?,
        group_scale: lines.number(group)?,
        blend_scale: lines.number(blend)?,
        mask_role_names: lines.parsed(mask)?,
    };
    let line = lines.next()?;
    let bias = lines.row(line.strip_prefix("bias\t").unwrap_or_default(), n_labels)?;
    let mut weights = Vec::new();
    let mut terms = Vec::new();
    let n_terms = lines.count("terms")?;
    if n_terms > Vocabulary::MOST {
        return Err(lines.damaged("there are more terms than a vocabulary can hold"));
    }
    for _ in 0..n_terms {
        let line = lines.next()?;
        let (stems, numbers) = line.split_once('\t').unwrap_or_default();
        let (idf, numbers) = numbers.split_once('\t').unwrap_or_default();
        terms.push(Term {
            stems: stems.to_owned(),
            idf: lines.number(idf)?,
        });
        weights.extend(lines.row(numbers, n_labels)?);
    }
    let vocabulary = Vocabulary::new(terms.clone());
    let is_in_place = |(id, term): (u32, &Term)| vocabulary.term(id) == *term;
    if vocabulary.len() != n_terms || !(0..).zip(&terms).all(is_in_place) {
        return Err(lines.damaged("the terms are not sorted, or one occurs twice"));
    }
    let space = FeatureSpace::new(settings, Arc::clone(lexicon), vocabulary);
    let others = lines.count("others")?;
    if terms.len() + others != space.len() {
        return Err(lines.damaged("the lexicon and the weights differ in number"));
    }
    for feature in terms.len()..space.len() {
        let line = lines.next()?;
        let (name, numbers) = line.split_once('\t').unwrap_or_default();
        if name != space.describe(u32::try_from(feature).unwrap_or(u32::MAX)).1 {
            return Err(lines.damaged("the weights follow another lexicon"));
        }
        weights.extend(lines.row(numbers, n_labels)?);
    }
    Ok(Scorer {
        space,
        linear: Linear::new(weights, bias),
    })
}

/// The lines of a model file, counted for messages.
struct Reader<'a> {
    origin: &'a str,
    lines: Lines<'a>,
    line: usize,
}

impl<'a> Reader<'a> {
    fn damaged(&self, reason: &str) -> Error {
        Error::DamagedModel {
            origin: self.origin.to_owned(),
            line: self.line - 1,
            reason: reason.to_owned(),
        }
    }

    fn next(&mut self) -> Result<&'a str> {
        self.line += 1;
        self.lines
            .next()
            .ok_or_else(|| self.damaged("the file ends early"))
    }

    /// The rest of the next line, if it begins with `start`; otherwise it stays the next.
    fn next_if(&mut self, start: &str) -> Option<&'a str> {
        let rest = self.lines.clone().next()?.strip_prefix(start)?;
        self.lines.next();
        self.line += 1;
        Some(rest)
    }

    /// The rest of a line that begins with `name` and a space.
    fn value(&mut self, name: &str) -> Result<&'a str> {
        let line = self.next()?;
        let value = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(' '));
        value.ok_or_else(|| self.damaged(&format!("`{name} …` was expected")))
    }

    fn list(&mut self, name: &str) -> Result<Vec<String>> {
        let line = self.next()?;
        let values = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('\t'));
        let values = values.ok_or_else(|| self.damaged(&format!("`{name}` was expected")))?;
        Ok(values.split('\t').map(str::to_owned).collect())
    }

    fn count(&mut self, name: &str) -> Result<usize> {
        let value = self.value(name)?;
        self.parsed(value)
    }

    fn counts(&self, text: &str) -> Result<Vec<u64>> {
        text.split('\t').map(|count| self.parsed(count)).collect()
    }

    fn parsed<T: FromStr>(&self, text: &str) -> Result<T> {
        text.parse().map_err(|_| {
            self.damaged(&format!(
                "`{}` is no number",
                text.chars().take(40).collect::<String>()
            ))
        })
    }

    fn number(&self, text: &str) -> Result<f64> {
        let number: f64 = self.parsed(text)?;
        if number.abs() <= LARGEST_NUMBER {
            Ok(number)
        } else {
            Err(self.damaged("a number is not finite, or far too large"))
        }
    }

    fn row(&self, text: &str, n: usize) -> Result<Vec<f64>> {
        let row: Vec<f64> = text
            .split('\t')
            .map(|number| self.number(number))
            .collect::<Result<_>>()?;
        if row.len() == n {
            Ok(row)
        } else {
            Err(self.damaged("a row has too few or too many numbers"))
        }
    }
}
