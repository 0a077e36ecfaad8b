//! What must hold for every sequence of bytes whatsoever. Each function takes bytes and
//! panics where a promise is broken; the fuzzer in `tests/fuzz` searches for such bytes,
//! and `cargo test` runs the same functions over what it found worth keeping.

use std::cell::RefCell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rolecall::columns::{self, Wishes};
use rolecall::labelling::engine::Job;
use rolecall::labelling::{LabelOptions, Progress, stream};
use rolecall::model::file;
use rolecall::readers::chunks::{Chunk, Chunker, Extent, Framing, Position};
use rolecall::readers::limits::Limits;
use rolecall::readers::{Format, Input, Origin, ReadOptions, delimited, json, xml};
use rolecall::skills::Lexicon;
use rolecall::text::Text;
use rolecall::token::{self, Token};
use rolecall::writers::OutputFormat;
use rolecall::writers::target::{Destination, Target};
use rolecall::{Classifier, EvidenceKind, Posting, Scratch};
use sha2::{Digest, Sha256};

/// A property and its name, which is also that of its fuzz target and of its inputs.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Property; 11] = [
    ("cleaning", cleaning),
    ("tokens", tokens),
    ("model_file", model_file),
    ("lexicon_file", lexicon_file),
    ("delimited", delimited_records),
    ("json", json_values),
    ("xml", xml_feed),
    ("parquet", parquet_file),
    ("column_names", column_names),
    ("classify", classify),
    ("label", label),
];

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| Classifier::embedded().unwrap());

/// Whatever the markup, every character of the cleaned text leads back into the source,
/// in order, and forth again.
pub fn cleaning(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let text = Text::new(&source);
    let clean = text.as_str();
    if !source.contains(['<', '&']) {
        assert_eq!(clean, source);
    }
    let mut last = 0;
    for (at, character) in clean.char_indices() {
        let span = at..at + character.len_utf8();
        let back = text.source_span(span.clone());
        assert!(
            source.get(back.clone()).is_some(),
            "{span:?} led to {back:?}"
        );
        assert!(!back.is_empty(), "{span:?} led to nothing");
        assert!(
            back.start >= last,
            "{span:?} led back before its predecessor"
        );
        last = back.start;
        let forth = text.clean_span(back.clone());
        assert!(
            forth.start <= span.start && forth.end >= span.end,
            "{span:?} led to {back:?} and on to {forth:?}"
        );
    }
    for at in 0..=source.len() {
        let forth = text.clean_span(at..source.len());
        assert!(
            forth.start <= forth.end && forth.end <= clean.len(),
            "{at}: {forth:?}"
        );
    }
}

/// Tokens ascend, stand on whole characters, and do not depend on where in a block of
/// memory they begin.
pub fn tokens(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let found = token::tokenize(&text);
    let mut end = 0;
    let mut folded = String::new();
    let stems = token::Stems::default();
    for token in &found {
        let word = text
            .get(token.span())
            .expect("a token stands on whole characters");
        assert!(token.span().start >= end && !word.is_empty(), "{token:?}");
        end = token.span().end;
        token::fold(word, &mut folded);
        let _ = stems.stem(&folded);
    }
    let shift = data.first().map_or(1, |b| 1 + usize::from(b % 64));
    let moved = " ".repeat(shift) + &text;
    let back = |token: &Token| Token {
        start: token.start - shift as u32,
        end: token.end - shift as u32,
        ..*token
    };
    let moved: Vec<Token> = token::tokenize(&moved).iter().map(back).collect();
    assert_eq!(moved, found);
    let mut behind = found.clone();
    token::tokenize_into(&text, &mut behind);
    assert_eq!(behind[found.len()..], found);
}

/// The bytes are the content of a model file under a checksum that fits: it is refused,
/// or gives probabilities and stays the same when written and read again.
pub fn model_file(data: &[u8]) {
    let _ = file::parse(data, "bytes").map(|(model, _)| judged_by(&Classifier::from_model(model)));
    let digest = file::hex(&Sha256::digest(data));
    let sealed = [
        format!("rolecall-model 1\nsha256 {digest}\n").as_bytes(),
        data,
    ]
    .concat();
    if let Ok((model, _)) = file::parse(&sealed, "bytes") {
        let (written, id) = file::write(&model);
        let (again, same) = file::parse(written.as_bytes(), "written").unwrap();
        assert_eq!(id, same);
        assert_eq!(file::write(&again).0, written);
        judged_by(&Classifier::from_model(again));
    }
}

fn judged_by(classifier: &Classifier) {
    let ad = "care person\nYou train the network in Python and tune models for the ward.";
    check_judgement(classifier, Posting::titled("model person", ad));
}

/// A lexicon is refused, or finds its entries in whole words.
pub fn lexicon_file(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let Ok(lexicon) = Lexicon::parse(&source, "bytes") else {
        return;
    };
    assert_eq!(lexicon.skills().len(), lexicon.len());
    assert_eq!(lexicon.source(), source);
    let text =
        "You train and tune models and networks in Python, C++ and R; not in SQL. Data scientists!";
    for text in [text, &source] {
        for (skill, span) in lexicon.find_in(text) {
            assert!(!lexicon.name(skill).is_empty() || lexicon.len() > skill as usize);
            assert!(
                text.get(span.clone()).is_some_and(|t| !t.is_empty()),
                "{span:?}"
            );
        }
    }
}

/// Gives its bytes in small pieces of changing length.
struct Dribbling {
    bytes: io::Cursor<Vec<u8>>,
    step: usize,
}

impl Read for Dribbling {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.step = self.step % 7 + 1;
        let n = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..n])
    }
}

fn dribbling(bytes: &[u8]) -> Box<dyn Read + Send> {
    let bytes = io::Cursor::new(bytes.to_vec());
    Box::new(Dribbling { bytes, step: 0 })
}

/// What a stream was cut into: the records, where they begin, and how it ended.
#[derive(Debug, PartialEq)]
struct Cut {
    records: Vec<(Position, Vec<u8>)>,
    bytes: usize,
    end: Option<String>,
}

fn cut(input: Box<dyn Read + Send>, framing: Framing) -> Cut {
    let mut chunker = Chunker::new(input, framing, Position::START, None, Limits::default());
    let mut chunk = Chunk::default();
    let mut cut = Cut {
        records: Vec::new(),
        bytes: 0,
        end: None,
    };
    loop {
        match chunker.next_into(&mut chunk) {
            Ok(true) => {}
            Ok(false) => return cut,
            Err(stopped) => {
                cut.end = Some(format!("{stopped:?}"));
                return cut;
            }
        }
        assert!(matches!(chunk.extent, Extent::Whole | Extent::Unclosed));
        assert_eq!(chunk.end, Some(chunker.position()));
        cut.bytes += chunk.bytes.len();
        for (i, range) in chunk.records.iter().enumerate() {
            cut.records
                .push((chunk.position(i), chunk.bytes[range.clone()].to_vec()));
        }
    }
}

/// However they arrive, the same bytes give the same records at the same places.
fn cut_both_ways(bytes: &[u8], framing: Framing) -> Cut {
    let whole = cut(Box::new(io::Cursor::new(bytes.to_vec())), framing);
    assert_eq!(cut(dribbling(bytes), framing), whole);
    for (position, record) in &whole.records {
        let at = position.byte as usize;
        assert_eq!(&bytes[at..at + record.len()], record);
    }
    whole
}

/// Records and fields are those of the csv crate, nothing is lost, and what is written is
/// read back.
pub fn delimited_records(data: &[u8]) {
    let (&first, bytes) = data.split_first().unwrap_or((&0, &[]));
    let delimiter = [b',', b'\t', b';', b'|'][usize::from(first % 4)];
    let _ = delimited::sniff(bytes, first & 4 == 0);
    let whole = cut_both_ways(bytes, Framing::Delimited(delimiter));
    assert_eq!(whole.end, None);
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter);
    let rows: Vec<csv::ByteRecord> = reader
        .from_reader(bytes)
        .byte_records()
        .map(Result::unwrap)
        .collect();
    // The csv crate takes a byte order mark off, which is done elsewhere here.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    assert_eq!(whole.records.len(), rows.len());
    let mut ranges = Vec::new();
    for ((_, record), row) in whole.records.iter().zip(&rows) {
        let Ok(text) = std::str::from_utf8(record) else {
            continue;
        };
        delimited::fields(record, delimiter, &mut ranges);
        let mut written = Vec::new();
        for (i, range) in ranges.iter().enumerate() {
            if i > 0 {
                written.push(delimiter);
            }
            delimited::write_value(
                &delimited::value(&text[range.clone()]),
                delimiter,
                &mut written,
            );
        }
        if !text.starts_with('\u{feff}') {
            let values = ranges.iter().map(|r| delimited::value(&text[r.clone()]));
            assert!(
                values.eq(row.iter().map(|v| String::from_utf8_lossy(v))),
                "{text:?}"
            );
            let mut again = Vec::new();
            delimited::fields(&written, delimiter, &mut again);
            assert_eq!(again.len(), ranges.len());
        }
    }
}

/// A document is cut alike however it arrives; a value that parses means the same after
/// every way of writing it.
pub fn json_values(data: &[u8]) {
    for framing in [
        Framing::Lines,
        Framing::Values,
        Framing::Elements { wrapped: false },
        Framing::Elements { wrapped: true },
    ] {
        cut_both_ways(data, framing);
    }
    if let Some((_, at)) = json::find_array(data) {
        assert!(at <= data.len());
        cut_both_ways(&data[at..], Framing::Elements { wrapped: true });
    }
    let text = String::from_utf8_lossy(data);
    let mut string = Vec::new();
    json::write_string(&text, &mut string);
    assert_eq!(serde_json::from_slice::<String>(&string).unwrap(), text);
    let Ok(members) = json::members(&text) else {
        return;
    };
    let mut compact = Vec::new();
    json::compact(&text, &mut compact);
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&compact).unwrap(),
            value
        );
    }
    for (key, value) in members {
        let mut said = String::new();
        let _ = json::text_of(value);
        let _ = json::follow(value, &[], &mut said);
        let _ = json::follow(value, &[key.into_owned()], &mut said);
    }
}

/// A feed gives the same objects however it arrives.
pub fn xml_feed(data: &[u8]) {
    let jobs = |input: Box<dyn Read + Send>| {
        let mut jobs = xml::Jobs::new(input, Limits::default());
        let mut chunk = Chunk::default();
        let mut found = Vec::new();
        loop {
            match jobs.next_into(&mut chunk) {
                Ok(true) => found.push(String::from_utf8(chunk.bytes.clone()).unwrap()),
                Ok(false) => return (found, false),
                // Of two faults, one or the other may be met first.
                Err(_) => return (found, true),
            }
            for range in &chunk.records {
                let text = std::str::from_utf8(&chunk.bytes[range.clone()]).unwrap();
                serde_json::from_str::<serde_json::Value>(text).unwrap();
            }
        }
    };
    let whole = jobs(Box::new(io::Cursor::new(data.to_vec())));
    assert_eq!(jobs(dribbling(data)), whole);
}

/// A directory for this process, emptied by whoever made it.
fn place() -> &'static Path {
    static PLACE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
    PLACE.path()
}

/// Files of this thread, so that tests that run beside each other do not meet.
fn file_here(name: &str) -> PathBuf {
    place().join(format!("{:?}-{name}", std::thread::current().id()))
}

/// A Parquet file is refused, or its rows come out as they were counted.
pub fn parquet_file(data: &[u8]) {
    let mut bytes = data.to_vec();
    // Without its signature it is no Parquet file to begin with.
    if !bytes.starts_with(b"PAR1") {
        bytes.splice(0..0, *b"PAR1");
    }
    run(&bytes, &LabelOptions::default(), "out.csv");
    run(&bytes, &LabelOptions::default(), "out.parquet");
}

/// Whatever the names, the columns chosen are there, and are not those that rolecall wrote.
pub fn column_names(data: &[u8]) {
    let (&first, bytes) = data.split_first().unwrap_or((&0, &[]));
    let (header, asked) = match memchr::memchr(b'\n', bytes) {
        Some(at) => (
            &bytes[..at],
            Some(String::from_utf8_lossy(&bytes[at + 1..]).into_owned()),
        ),
        None => (bytes, None),
    };
    let mut input = Input::of_header(b',', header, first & 1 == 1);
    let wishes = Wishes {
        text: asked.clone().filter(|_| first & 2 == 2),
        title: asked.filter(|_| first & 4 == 4),
        ignore_title: first & 8 == 8,
        replace: first & 16 == 16,
        label: None,
    };
    if let Ok(chosen) = columns::choose(&mut input, &wishes) {
        let n = input.columns.len();
        assert!(!chosen.text.is_empty());
        for field in chosen.text.iter().chain(&chosen.title) {
            assert!(field.column < n && field.otherwise.is_none_or(|c| c < n));
        }
        assert!(chosen.written.iter().all(|c| *c < n));
        if wishes.text.is_none() {
            assert!(
                chosen
                    .text
                    .iter()
                    .all(|f| !chosen.written.contains(&f.column))
            );
        }
    }
}

thread_local! {
    static WARM: RefCell<Scratch> = RefCell::default();
}

/// Any bytes are refused or judged: honest numbers, evidence inside the text, and the
/// same answer however it is asked for.
pub fn classify(data: &[u8]) {
    if let Ok(ad) = rolecall::ad::Ad::read(data, "bytes") {
        check_judgement(&CLASSIFIER, ad.posting());
    }
    let text = String::from_utf8_lossy(data);
    check_judgement(&CLASSIFIER, Posting::untitled(&text));
}

fn check_judgement(classifier: &Classifier, posting: Posting) {
    let explanation = classifier.explain(posting);
    let prediction = &explanation.prediction;
    let sum: f64 = prediction.probabilities.iter().sum();
    assert!(
        prediction
            .probabilities
            .iter()
            .all(|p| (0.0..=1.0).contains(p))
    );
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    // Numbers of a forged model may be so large that sums lose their last digits.
    let scale = prediction
        .logits
        .iter()
        .fold(1.0_f64, |most, z| most.max(z.abs()));
    for (label, logit) in prediction.logits.iter().enumerate() {
        let parts = explanation.evidence.iter().map(|e| e.contributions[label]);
        let largest = parts.clone().fold(scale, |most, c| most.max(c.abs()));
        let total: f64 = parts.sum();
        assert!(
            (total - logit).abs() <= 1e-9 * largest,
            "{total} against {logit}"
        );
    }
    for evidence in &explanation.evidence {
        let text = match evidence.kind {
            EvidenceKind::Title => posting.title.unwrap_or_default(),
            _ => posting.description,
        };
        for span in &evidence.spans {
            assert!(
                text.get(span.clone()).is_some_and(|t| !t.is_empty()),
                "{span:?}"
            );
        }
    }
    assert_eq!(&classifier.classify(posting), prediction);
    if std::ptr::eq(classifier, &raw const *CLASSIFIER) {
        WARM.with_borrow_mut(|scratch| {
            assert_eq!(&classifier.classify_with(posting, scratch), prediction);
        });
    }
}

/// Any file is refused, or every row of it comes out again with a verdict.
pub fn label(data: &[u8]) {
    let (&first, bytes) = data.split_first().unwrap_or((&0, &[]));
    let options = LabelOptions {
        only: first & 1 == 1,
        explain: (first & 2 == 2).then_some(2),
        prefix: if first & 4 == 4 {
            "x_".to_owned()
        } else {
            String::new()
        },
        read: ReadOptions {
            no_header: first & 8 == 8,
            ..ReadOptions::default()
        },
        wishes: Wishes {
            text: (first & 8 == 8).then(|| "1".to_owned()),
            ..Wishes::default()
        },
        ..LabelOptions::default()
    };
    let output = ["out.csv", "out.jsonl", "out.tsv.gz", "out.parquet"][usize::from(first >> 4) % 4];
    run(bytes, &options, output);
    if first & 64 == 64 {
        answer(bytes, &options);
    }
}

/// Labels a file of these bytes and looks at what came out.
fn run(bytes: &[u8], options: &LabelOptions, output: &str) {
    let input = file_here("in");
    std::fs::write(&input, bytes).unwrap();
    let output = file_here(output);
    let _ = std::fs::remove_file(&output);
    let progress = Progress::default();
    let destination = Destination::File(output.clone());
    let job = Job::new(
        &CLASSIFIER,
        options,
        &progress,
        vec![Origin::File(input.clone())],
        destination,
    );
    let Ok(job) = job else { return };
    let (opened, _) = job.first().expect("a job has an input");
    let expected = rows_of(bytes, opened, options);
    let compared = match opened.format {
        Format::Delimited(delimiter) if expected.is_some() && !options.only => Some(delimiter),
        _ => None,
    };
    let Ok(report) = job.run() else {
        assert!(
            !output.exists(),
            "a failed run leaves no output under its name"
        );
        return;
    };
    if let Some(expected) = expected {
        assert_eq!(report.tally.rows() + report.tally.skipped, expected);
    }
    let rows = check_output(&output, options, report.tally.rows());
    if let Some(delimiter) = compared {
        check_values(bytes, delimiter, &rows);
    }
}

/// Every value of a row that was labelled is still there.
fn check_values(bytes: &[u8], delimiter: u8, rows: &[csv::ByteRecord]) {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter);
    let input = reader
        .from_reader(bytes)
        .into_byte_records()
        .map(Result::unwrap);
    for (before, after) in input.zip(rows) {
        let said = after.get(after.len() - 2).unwrap_or_default();
        if !said.starts_with(b"error") {
            assert!(
                before.iter().eq(after.iter().take(before.len())),
                "{before:?}"
            );
        }
    }
}

/// How many rows a file holds, where another program can tell.
fn rows_of(bytes: &[u8], input: &Input, options: &LabelOptions) -> Option<u64> {
    if bytes.starts_with(b"\xef\xbb\xbf") || input.charset.describe() != "UTF-8" {
        return None;
    }
    if input.compression != rolecall::readers::compression::Compression::None {
        return None;
    }
    match input.format {
        Format::Delimited(delimiter) => {
            let mut reader = csv::ReaderBuilder::new();
            let reader = reader
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter);
            let rows = reader.from_reader(bytes).byte_records().count() as u64;
            Some(rows - u64::from(!options.read.no_header))
        }
        Format::JsonLines => {
            let lines = bytes.split(|b| *b == b'\n');
            Some(lines.filter(|l| !l.trim_ascii().is_empty()).count() as u64)
        }
        _ => None,
    }
}

/// Checks that an output reads back as it was counted; gives its records where it is delimited.
fn check_output(path: &Path, options: &LabelOptions, rows: u64) -> Vec<csv::ByteRecord> {
    let raw = std::fs::read(path).unwrap();
    let extension = path
        .extension()
        .and_then(std::ffi::OsStr::to_str)
        .unwrap_or_default();
    let mut bytes = raw.clone();
    if extension == "gz" {
        bytes.clear();
        flate2::read::MultiGzDecoder::new(&raw[..])
            .read_to_end(&mut bytes)
            .unwrap();
    }
    if extension == "csv" || extension == "gz" {
        let delimiter = if extension == "gz" { b'\t' } else { b',' };
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader
            .has_headers(false)
            .delimiter(delimiter)
            .from_reader(&bytes[..]);
        // Records of unequal length are an error to this reader.
        let records: Vec<_> = reader.byte_records().map(Result::unwrap).collect();
        let found = records.len() as u64;
        let has_header = !options.read.no_header || found > rows;
        assert_eq!(found, rows + u64::from(has_header));
        return records;
    } else if extension == "jsonl" {
        let text = String::from_utf8(bytes).unwrap();
        for line in text.lines() {
            let value: serde_json::Value = match serde_json::from_str(line) {
                Ok(value) => value,
                // Depth is kept as it was found; this reader has a limit.
                Err(e) if e.to_string().starts_with("recursion limit") => continue,
                // As are numbers that no double can hold.
                Err(e) if e.to_string().starts_with("number out of range") => continue,
                Err(e) => panic!("{e} in {line:?}"),
            };
            let id = format!("{}model_id", options.prefix);
            assert_eq!(value[&id], CLASSIFIER.model_id());
        }
        assert_eq!(text.lines().count() as u64, rows);
    } else {
        let read = Arc::default();
        let mut input = Input::open(
            &Origin::File(path.to_owned()),
            &ReadOptions::default(),
            &read,
        )
        .unwrap();
        let mut batch = rolecall::readers::Batch::default();
        let mut found = 0;
        while input.next_into(&mut batch).unwrap() {
            found += batch.limit(u64::MAX);
        }
        assert_eq!(found, rows);
    }
    Vec::new()
}

/// Line by line, every line has exactly one answer.
fn answer(bytes: &[u8], options: &LabelOptions) {
    let options = LabelOptions {
        format: Some(OutputFormat::JsonLines),
        ..options.clone()
    };
    let output = file_here("answers");
    let mut target = Target::open(&Destination::File(output.clone())).unwrap();
    target.keep(0).unwrap();
    let tally = stream::answer(
        &CLASSIFIER,
        &options,
        &mut io::BufReader::new(bytes),
        &mut target,
    );
    target.finish().unwrap();
    let Ok(tally) = tally else { return };
    let answers = std::fs::read(output).unwrap();
    let lines = |bytes: &[u8]| bytes.split_inclusive(|b| *b == b'\n').count() as u64;
    assert_eq!(lines(&answers), tally.rows() + tally.skipped);
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = start
        .split(|b| *b == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    if first.starts_with(b"{") || first.starts_with(b"[") {
        assert_eq!(lines(&answers), lines(bytes));
    }
}
