//! Model files are data: whatever is done to one, it is refused or reads the same.

use std::sync::Arc;

use rolecall::Classifier;
use rolecall::example::{Example, Origin};
use rolecall::model::file;
use rolecall::skills::{Lexicon, SHIPPED};
use rolecall::training::{self, TrainingOptions};

const LEXICON: &str = r#"
version = 7
[sets]
model = ["model", "network"]
[[skill]]
name = "Python"
group = "language"
spellings = ["Python"]
articles = ["000 DS"]
[[skill]]
name = "train models"
group = "duty-build-model"
patterns = ["train|tune ~ @model"]
"#;

/// A model small enough to be damaged in every place.
fn small() -> String {
    let words = [
        "ward", "patient", "shift", "nurse", "python", "train", "network", "tune",
    ];
    let examples: Vec<Example> = (0..40)
        .map(|i| {
            let word = |n: usize| words[(i % 2) * 4 + (i / 2 + n) % 4];
            // Names that occur once tell the texts apart and are too rare to be learnt.
            let names = format!("site{i} unit{i} team{i} block{i} street{i} town{i}");
            Example {
                title: format!("{} person", if i % 2 == 0 { "care" } else { "model" }),
                description: format!(
                    "{} the {} and {} our network at {names}",
                    word(0),
                    word(1),
                    word(2)
                ),
                label: ["care", "build"][i % 2].to_owned(),
                origin: Origin::Reading,
                language: "en".to_owned(),
                group: format!("employer {i}"),
                ..Example::default()
            }
        })
        .collect();
    let lexicon = Arc::new(Lexicon::parse(LEXICON, "test").unwrap());
    let trained = training::train(&examples, &lexicon, &TrainingOptions::default(), 2).unwrap();
    file::write(&trained.model).0
}

/// The file with another body and a checksum that fits it.
fn resealed(body: &str) -> String {
    use sha2::{Digest, Sha256};
    format!(
        "rolecall-model 1\nsha256 {}\n{body}",
        file::hex(&Sha256::digest(body))
    )
}

/// A model as format 1 stands in files, for good: a change of the format that can no longer
/// read it needs another number.
const FORMAT_1: &str = include_str!("data/format-1.model");

#[test]
fn files_of_format_1_stay_readable() {
    let (model, id) = file::parse(FORMAT_1.as_bytes(), "format-1.model").unwrap();
    assert_eq!(file::write(&model), (FORMAT_1.to_owned(), id));
    let kinds: Vec<&str> = FORMAT_1
        .lines()
        .map(|line| line.split([' ', '\t']).next().unwrap_or_default())
        .collect();
    let documented = [
        "rolecall-model",
        "sha256",
        "tokenizer",
        "stemmer",
        "labels",
        "languages",
        "data",
        "fact",
        "rows",
        "parents",
        "title-weight",
        "calibration",
        "shares",
        "lexicon",
        "content",
        "bias",
        "terms",
        "others",
        "title",
        "seen",
        "end",
    ];
    let mut at = 0;
    for kind in documented {
        let found = kinds[at..].iter().position(|k| *k == kind);
        at += found.unwrap_or_else(|| panic!("no line `{kind}` behind line {at}"));
    }
}

#[test]
fn a_model_survives_being_written_and_read() {
    let text = small();
    let (model, id) = file::parse(text.as_bytes(), "small").unwrap();
    assert_eq!(file::write(&model), (text.clone(), id.clone()));
    let classifier = Classifier::from_bytes(text.as_bytes(), "small").unwrap();
    assert_eq!(classifier.model_id(), id);
    assert_eq!(classifier.labels(), ["build", "care"]);
}

#[test]
fn every_truncation_and_every_changed_byte_is_refused() {
    let text = small();
    let bytes = text.as_bytes();
    for length in 0..bytes.len() {
        assert!(
            file::parse(&bytes[..length], "cut").is_err(),
            "cut to {length} bytes"
        );
    }
    for at in 0..bytes.len() {
        for change in [1, 0x20, 0x80] {
            let mut changed = bytes.to_vec();
            changed[at] ^= change;
            assert!(
                file::parse(&changed, "changed").is_err(),
                "byte {at} changed by {change}"
            );
        }
    }
}

#[test]
fn numbers_that_no_model_has_are_refused_by_line() {
    let body = FORMAT_1.splitn(3, '\n').nth(2).unwrap();
    for (from, to, line, reason) in [
        (
            "rows\t20\t20",
            "rows\t20",
            19,
            "not one number of rows a label",
        ),
        (
            "calibration content 0.04979",
            "calibration content 0",
            22,
            "a temperature must be above 0",
        ),
        (
            "shares title\t0.5\t0.5",
            "shares title\t0\t1",
            25,
            "a share must be above 0",
        ),
        (
            "shares title\t0.5\t0.5",
            "shares title\t0.5\t0.5\nconfusion title\t1\t2\t3",
            26,
            "a confusion matrix has other counts",
        ),
    ] {
        assert!(body.contains(from));
        let forged = resealed(&body.replacen(from, to, 1));
        let error = Classifier::from_bytes(forged.as_bytes(), "m")
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "model `m`, line {line}: {reason}\n  the file is damaged; fetch it again or retrain with `rolecall train`"
            )
        );
    }
}

#[test]
fn a_gigantic_file_is_refused_unread() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m");
    std::fs::write(&path, FORMAT_1).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(300 << 20).unwrap();
    let error = Classifier::open(&path).err().unwrap().to_string();
    assert!(error.contains("it is larger than 256 MiB"), "{error}");
}

#[test]
fn a_forged_body_is_refused_or_reads_as_it_is_written() {
    let text = small();
    let body = text.splitn(3, '\n').nth(2).unwrap();
    let lines: Vec<&str> = body.lines().collect();
    let mut read = 0;
    let mut try_lines = |lines: &[&str]| {
        let forged = resealed(&(lines.join("\n") + "\n"));
        if let Ok(classifier) = Classifier::from_bytes(forged.as_bytes(), "forged") {
            let p = classifier.classify(rolecall::Posting::titled(
                "care person",
                "train the network in Python",
            ));
            assert!((p.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            assert_eq!(file::write(classifier.model()).0, forged);
            read += 1;
        }
    };
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        try_lines(&without);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        try_lines(&twice);
        for junk in [
            "",
            "\t\t",
            "terms 99999999999999999999",
            "terms 4000000000",
            "nan\tnan\tnan",
            "bias\tinf\t0",
            "bias\t1e308\t1e308",
            "end",
        ] {
            let mut forged = lines.clone();
            forged[at] = junk;
            try_lines(&forged);
        }
    }
    assert!(
        read > 0,
        "some lines, as those of facts, may go or come twice"
    );
}

/// Whoever opens a pipe that nobody writes to waits for ever.
#[cfg(unix)]
#[test]
fn no_path_in_a_model_file_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.display();
    let body = FORMAT_1.splitn(3, '\n').nth(2).unwrap();
    let body = body
        .replacen("\nfact\t", &format!("\nfact\tsource\t{pipe}\nfact\t"), 1)
        .replacen("\nparents", &format!("\nparents\t{pipe}"), 1)
        .replacen("languages\ten", &format!("languages\ten\t{pipe}"), 1)
        .replace("000 DS", &pipe.to_string());
    let model = directory.path().join("a.model");
    std::fs::write(&model, resealed(&body)).unwrap();
    for arguments in [
        &["classify", "--model", "a.model", "a.model"][..],
        &["model", "show", "a.model"],
    ] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(arguments)
            .current_dir(directory.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed().as_secs() > 30 {
                child.kill().unwrap();
                panic!("{arguments:?} waits for a pipe");
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(child.wait().unwrap().success(), "{arguments:?}");
    }
}

#[test]
fn what_another_program_wrote_is_refused_by_name() {
    #[track_caller]
    fn check(bytes: &[u8], message: &str) {
        assert_eq!(
            file::parse(bytes, "m")
                .unwrap_err()
                .to_string()
                .lines()
                .next()
                .unwrap(),
            message
        );
    }
    let text = small();
    check(b"", "`m` is not a rolecall model: it is empty");
    check(
        b"PK\x03\x04",
        "`m` is not a rolecall model: its first line is not `rolecall-model 1`",
    );
    check(
        b"rolecall-model 0\n",
        "model `m`: format is `rolecall-model 0`, and this program reads `rolecall-model 1`",
    );
    check(
        b"rolecall-model 2\n",
        "model `m`: format is `rolecall-model 2`, and this program reads `rolecall-model 1`",
    );
    let body = text.splitn(3, '\n').nth(2).unwrap();
    let stemmer = resealed(&body.replace("stemmer snowball-english-2.2", "stemmer porter-1"));
    check(
        stemmer.as_bytes(),
        "model `m`: stemmer is `porter-1`, and this program reads `snowball-english-2.2`",
    );
    let tokenizer =
        resealed(&body.replace("tokenizer rolecall-words-1", "tokenizer rolecall-words-9"));
    check(
        tokenizer.as_bytes(),
        "model `m`: tokenizer is `rolecall-words-9`, and this program reads `rolecall-words-1`",
    );
}

#[test]
fn the_embedded_model_carries_the_shipped_lexicon() {
    let classifier = Classifier::embedded().unwrap();
    assert!(
        classifier
            .model()
            .content
            .space
            .lexicon()
            .source()
            .trim_end()
            == SHIPPED.trim_end(),
        "datasets/skills.toml changed; run `cargo run --release -- train DATA -o models/default.model` on the data that \
         models/README.md describes"
    );
}
