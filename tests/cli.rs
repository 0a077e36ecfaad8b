//! The command as a stranger uses it: what it prints, complains about and returns.
#![cfg(feature = "cli")]

mod command;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use command::{files, run, text};
use serde_json::Value;

fn rolecall(arguments: &[&str], stdin: &[u8]) -> Output {
    run(command::rolecall(Path::new("."), arguments), stdin)
}

#[track_caller]
fn check_refused(arguments: &[&str], stdin: &[u8], message: &str) {
    let output = rolecall(arguments, stdin);
    assert_eq!(text(&output.stderr), format!("error: {message}\n"));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(2));
}

const AD: &str = "Senior Data Scientist\n\nYou run the Kubernetes clusters and the feature store on which our data \
    scientists train. You automate model deployment with CI/CD and Terraform, watch models for drift, and are on call \
    for the serving platform.\n";

#[test]
fn one_ad_gets_its_role_and_the_reason() {
    let output = rolecall(&["classify"], AD.as_bytes());
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(page.starts_with("MLOps – clear, "), "{page}");
    assert!(
        page.contains("Titled “Senior Data Scientist” (DS), reads like MLOps."),
        "{page}"
    );
    assert!(
        page.contains("for MLOps") && page.contains("against MLOps"),
        "{page}"
    );
    assert_eq!(text(&output.stderr), "");
    assert!(!page.contains('\u{1b}'), "no colours under NO_COLOR");
}

#[test]
fn the_json_answer_is_complete_and_adds_up() {
    let output = rolecall(
        &["classify", "--json", "--evidence", "5", "-"],
        AD.as_bytes(),
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&str> = answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "label",
            "status",
            "confidence",
            "margin",
            "probabilities",
            "title",
            "title_label",
            "language",
            "evidence",
            "model_id"
        ]
    );
    assert_eq!(
        (&answer["label"], &answer["status"]),
        (&"MLOps".into(), &"ok".into())
    );
    assert_eq!(
        (&answer["title"], &answer["title_label"]),
        (&"Senior Data Scientist".into(), &"DS".into())
    );
    let mut logits = [0.0; 4];
    for piece in answer["evidence"].as_array().unwrap() {
        let keys: Vec<&str> = piece
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["term", "kind", "count", "contribution", "spans"]);
        for (sum, value) in logits
            .iter_mut()
            .zip(piece["contribution"].as_object().unwrap().values())
        {
            *sum += value.as_f64().unwrap();
        }
        for span in piece["spans"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|_| piece["kind"] == "word")
        {
            let span = span[0].as_u64().unwrap() as usize..span[1].as_u64().unwrap() as usize;
            assert!(AD[span].eq_ignore_ascii_case(piece["term"].as_str().unwrap()));
        }
    }
    rolecall::model::softmax(&mut logits);
    for (p, stated) in logits
        .iter()
        .zip(answer["probabilities"].as_object().unwrap().values())
    {
        assert!(
            (p - stated.as_f64().unwrap()).abs() < 1e-9,
            "the evidence adds up to the probabilities"
        );
    }
}

#[test]
fn the_title_can_be_given_or_ignored() {
    let title_label = |arguments: &[&str]| -> Value {
        let output = rolecall(arguments, AD.as_bytes());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["title_label"].clone()
    };
    assert_eq!(
        title_label(&["classify", "--json", "--ignore-title"]),
        Value::Null
    );
    assert_eq!(
        title_label(&["classify", "--json", "--title", "Staff Nurse"]),
        "Other"
    );
    let output = rolecall(&["classify", "--json", "--among", "DS,MLE"], AD.as_bytes());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(["DS", "MLE"].contains(&answer["label"].as_str().unwrap()));
    assert_eq!(answer["probabilities"]["MLOps"], 0.0);
}

#[test]
fn the_ad_is_shown_with_its_marks() {
    let output = rolecall(
        &["classify", "--highlight"],
        b"You use <b>Kubernetes</b> for our models\x1b[2J daily, with Terraform and MLflow.",
    );
    let page = text(&output.stdout);
    assert!(
        page.contains("[Kubernetes](") || page.contains("[Terraform]("),
        "{page}"
    );
    assert!(
        page.contains("␛[2J") && !page.contains('\u{1b}'),
        "control characters are made visible: {page}"
    );
}

#[test]
fn an_ad_that_cannot_be_judged_gets_no_label() {
    let output = rolecall(
        &["classify", "--json"],
        "Nous recherchons une personne pour développer nos modèles et \
        travailler avec les équipes de la société dans toute la France"
            .as_bytes(),
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["label"], &answer["status"], &answer["language"]),
        (&Value::Null, &"foreign".into(), &"fr".into())
    );
    assert_eq!(output.status.code(), Some(0));
    let output = rolecall(&["classify"], b"zzz");
    assert!(text(&output.stdout).starts_with("no label: too few words that the model knows;"));
    let german = "Wir suchen eine Person, die unsere Modelle entwickelt und mit den \
        Teams der Gesellschaft in ganz Deutschland zusammenarbeitet";
    let output = rolecall(&["classify"], german.as_bytes());
    assert!(
        text(&output.stdout).starts_with("no label: written in `de`, and this model knows en;"),
        "{}",
        text(&output.stdout)
    );
    let output = rolecall(&["classify", "--title", "Data Scientist"], b"-");
    assert!(
        text(&output.stdout)
            .contains("The description says nothing; this rests on the title alone."),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn bad_input_is_refused_by_name() {
    let directory = files(&[
        ("ad.txt", AD.as_bytes()),
        ("ad.pdf", b"%PDF-1.4"),
        ("big.txt", &[b'a'; 200]),
    ]);
    let path = |name: &str| directory.path().join(name).display().to_string();
    check_refused(
        &["classify"],
        b"",
        "`standard input`: nothing but white space; give the text of a job ad",
    );
    check_refused(
        &["classify"],
        b"  \n",
        "`standard input`: nothing but white space; give the text of a job ad",
    );
    check_refused(
        &["classify"],
        b"a\0b",
        "`standard input`: byte 1 is NUL, so this is no text, or text in an unusual encoding; give the ad as UTF-8 text or HTML",
    );
    check_refused(
        &["classify", &path("ad.pdf")],
        b"",
        &format!(
            "`{}`: this is a PDF; copy its text and paste that",
            path("ad.pdf")
        ),
    );
    check_refused(
        &["classify", &path("none.txt")],
        b"",
        &format!(
            "cannot read `{}`: No such file or directory (os error 2)",
            path("none.txt")
        ),
    );
    let here = directory.path().display().to_string();
    check_refused(
        &["classify", &here],
        b"",
        &format!("`{here}`: it is a directory; name one file, or label many with `rolecall label`"),
    );
    check_refused(
        &["classify", "--max-bytes", "100", &path("big.txt")],
        b"",
        &format!(
            "`{}`: larger than 100 bytes, so hardly one ad; raise --max-bytes, or use `rolecall label` for many",
            path("big.txt")
        ),
    );
    let nine_megabytes = vec![b'a'; 9 << 20];
    check_refused(
        &["classify"],
        &nine_megabytes,
        "`standard input`: larger than 8388608 bytes, so hardly one ad; raise --max-bytes, or use `rolecall label` for many",
    );
    check_refused(
        &["classify", "--among", "DS,CEO"],
        AD.as_bytes(),
        "the model has no label `CEO`; its labels are DS, MLE, MLOps, Other",
    );
}

#[test]
fn undecodable_bytes_are_read_with_a_warning() {
    let output = rolecall(&["classify", "--json"], b"Caf\xe9 manager: lead the team, serve guests, order stock and keep the kitchen clean and safe.");
    assert_eq!(
        text(&output.stderr),
        "warning: byte 3 (0xE9) is not UTF-8; undecodable bytes are shown as \u{fffd}\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_people_type_by_mistake_gets_the_right_command() {
    let directory = files(&[("ad.txt", AD.as_bytes())]);
    let path = directory.path().join("ad.txt").display().to_string();
    check_refused(
        &[&path],
        b"",
        &format!("`{path}` is a file; to label the ad in it, type\n  rolecall classify {path}"),
    );
    let address = "`https://example.org/job/1` is a web address, and rolecall never goes online; save the page, then type\n  rolecall classify PAGE.html";
    check_refused(&["https://example.org/job/1"], b"", address);
    check_refused(&["classify", "https://example.org/job/1"], b"", address);
    let prose = "`We want a data scientist who knows SQL…` is the text of an ad, not a file; pipe it in, or paste it at the prompt of\n  rolecall classify";
    check_refused(&["We want a data scientist who knows SQL"], b"", prose);
    check_refused(
        &["classify", "We want a data scientist who knows SQL"],
        b"",
        prose,
    );
}

#[test]
fn damaged_models_are_refused() {
    let model =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/default.model")).unwrap();
    let mut altered = model.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    let other_version = [b"rolecall-model 99\n", &model[17..]].concat();
    let directory = files(&[
        ("truncated", &model[..model.len() / 3]),
        ("altered", &altered),
        ("version", &other_version),
        ("ad", AD.as_bytes()),
        ("empty", b""),
    ]);
    let path = |name: &str| directory.path().join(name).display().to_string();
    let damaged = |name: &str| {
        format!(
            "model `{}`, line 2: the checksum does not match the content\n  the file is damaged; fetch it again or retrain with `rolecall train`",
            path(name)
        )
    };
    let check = |name: &str, message: &str| {
        check_refused(
            &["classify", "--model", &path(name)],
            AD.as_bytes(),
            message,
        );
    };
    check("truncated", &damaged("truncated"));
    check("altered", &damaged("altered"));
    check(
        "version",
        &format!(
            "model `{}`: format is `rolecall-model 99`, and this program reads `rolecall-model 1`\n  use the rolecall release that wrote it, or retrain with `rolecall train`",
            path("version")
        ),
    );
    check(
        "ad",
        &format!(
            "`{}` is not a rolecall model: its first line is not `rolecall-model 1`\n  give a file that `rolecall train … -o FILE` wrote",
            path("ad")
        ),
    );
    check(
        "empty",
        &format!(
            "`{}` is not a rolecall model: it is empty\n  give a file that `rolecall train … -o FILE` wrote",
            path("empty")
        ),
    );
    check(
        "none",
        &format!(
            "cannot read `{}`: No such file or directory (os error 2)",
            path("none")
        ),
    );
    check(
        ".",
        &format!(
            "`{}` is not a rolecall model: it is a directory\n  give a file that `rolecall train … -o FILE` wrote",
            path(".")
        ),
    );
}

#[test]
fn skills_are_listed_and_found() {
    let listed = text(&rolecall(&["skills"], b"").stdout);
    assert!(
        listed.lines().count() > 500 && listed.starts_with("skill "),
        "{}",
        listed.lines().next().unwrap()
    );
    let found = rolecall(
        &["skills", "--json", "-"],
        b"<p>Python, C++ &amp; Python</p>",
    );
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found[0]["name"], "Python");
    assert_eq!(found[0]["count"], 2);
    assert_eq!(found[0]["spans"], serde_json::json!([[3, 9], [21, 27]]));
    assert_eq!(found[0]["group"], "language");
    assert!(found.as_array().unwrap().iter().any(|f| f["name"] == "C++"));
}

#[test]
fn a_closed_pipe_is_success() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .arg("skills")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
}

#[test]
fn the_version_names_model_and_lexicon() {
    let version = text(&rolecall(&["--version"], b"").stdout);
    let id = rolecall::Classifier::embedded()
        .unwrap()
        .model_id()
        .to_owned();
    let lexicon = rolecall::skills::Lexicon::shipped().unwrap().version();
    assert_eq!(
        version,
        format!(
            "rolecall {} (model {id}, lexicon {lexicon})\n",
            env!("CARGO_PKG_VERSION")
        )
    );
}

/// The hand-written postings train a model of their own, the same on one thread and two.
#[test]
fn training_repeats_itself_on_any_number_of_threads() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");
    let directory = files(&[]);
    let train = |threads: &str| -> (Vec<u8>, String) {
        let path: PathBuf = directory.path().join(threads);
        let output = rolecall(
            &[
                "train",
                "--fixed",
                data,
                "-o",
                path.to_str().unwrap(),
                "--threads",
                threads,
            ],
            b"",
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        (std::fs::read(path).unwrap(), text(&output.stderr))
    };
    let (one, report) = train("1");
    assert_eq!(one, train("2").0);
    assert!(
        report.contains("description") && report.contains("macro-F1"),
        "{report}"
    );
    let model = directory.path().join("1").display().to_string();
    let output = rolecall(&["classify", "--model", &model, "--json"], AD.as_bytes());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["label"], "MLOps");
    assert_eq!(
        answer["title_label"],
        Value::Null,
        "labels of unknown origin teach no title model"
    );
}

#[test]
fn the_page_goes_to_a_file_or_to_standard_output() {
    let directory = files(&[]);
    let path = directory.path().join("ad.html").display().to_string();
    let told = rolecall(&["classify", "--html", &path], AD.as_bytes());
    assert!(
        text(&told.stdout).starts_with("MLOps – "),
        "the text is printed too"
    );
    let page = rolecall(&["classify", "--html", "-"], AD.as_bytes());
    assert!(text(&page.stdout).starts_with("<!DOCTYPE html>"));
    assert_eq!(page.stdout, std::fs::read(&path).unwrap());
    let nowhere = directory.path().join("none/ad.html").display().to_string();
    check_refused(
        &["classify", "--html", &nowhere],
        AD.as_bytes(),
        &format!(
            "there is no directory {} to write the page into; create it first",
            directory.path().join("none").display()
        ),
    );
}

#[test]
fn the_shell_gets_completions_and_a_manual() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&rolecall(&["completions", shell], b"").stdout);
        assert!(
            script.contains("classify") && script.contains("html"),
            "{shell}"
        );
    }
    let page = text(&rolecall(&["man"], b"").stdout);
    assert!(page.contains(".TH rolecall 1") && page.contains("classify"));
    let directory = files(&[]);
    let into = directory.path().display().to_string();
    assert_eq!(
        rolecall(&["man", "--output", &into], b"").status.code(),
        Some(0)
    );
    let pages: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert!(pages.len() > 5, "{pages:?}");
}
