//! Explanations and reports as they are looked at. `PAGES=DIR cargo test --test pages` also
//! writes the pages into a directory, for `tests/browser/check.py` to open.
#![cfg(feature = "cli")]

use std::sync::Arc;

use rolecall::evaluation::comparison::compare;
use rolecall::evaluation::report::Summary;
use rolecall::evaluation::whole::{self, EvaluationOptions};
use rolecall::example::Example;
use rolecall::features::{FeatureSettings, FeatureSpace, Term, Vocabulary};
use rolecall::labelling::holdings::{Holdings, Sighting};
use rolecall::model::{Calibration, Linear, Model, Provenance, Reliability, Scorer, file};
use rolecall::report::evaluation::{Evaluation, Row, Scores, figures};
use rolecall::report::terminal::Terminal;
use rolecall::report::{View, ad_page, evaluation_page};
use rolecall::skills::Lexicon;
use rolecall::training::dataset::{self, DataOptions};
use rolecall::{Classifier, Posting, Scratch};

/// Labels of a company's own: six, one with signs that HTML cares about, one wide.
const LABELS: [&str; 6] = [
    "Research & <Dev>",
    "Platform",
    "Data 数据",
    "Sales",
    "Care",
    "Kitchen",
];

const LEXICON: &str = r#"
    version = 1
    [[skill]]
    name = "Kubernetes"
    group = "platform"
    spellings = ["Kubernetes", "k8s"]
    [[skill]]
    name = "knives"
    group = "kitchen"
    spellings = ["knife", "knives"]
"#;

/// A model of six labels whose weights are set by hand, so that what is drawn of it stays.
fn company() -> Classifier {
    let words = [
        "clusters",
        "customers",
        "experiments",
        "models",
        "patients",
        "soup",
        "tables",
    ];
    let mut terms: Vec<Term> = words
        .iter()
        .map(|word| Term {
            stems: rolecall::token::Stems::default().stem(word).into_owned(),
            idf: 1.0,
        })
        .collect();
    terms.sort_by(|a, b| a.stems.cmp(&b.stems));
    let vocabulary = Vocabulary::new(terms);
    let settings = FeatureSettings {
        skill_scale: 1.0,
        group_scale: 0.0,
        blend_scale: 0.0,
        mask_role_names: false,
    };
    let lexicon = Arc::new(Lexicon::parse(LEXICON, "six").unwrap());
    let space = FeatureSpace::new(settings, lexicon, vocabulary);
    let favoured = [1, 3, 0, 0, 4, 5, 2, 1, 5];
    let strength = [2.0, 3.0, 4.0, 2.5, 3.0, 3.5, 1.5, 5.0, 2.0];
    let mut weights = vec![0.0; space.len() * LABELS.len()];
    for (feature, (label, strength)) in favoured.iter().zip(strength).enumerate() {
        weights[feature * LABELS.len() + label] = strength;
        weights[feature * LABELS.len() + (label + 1) % LABELS.len()] = -1.0;
    }
    let linear = Linear::new(weights, vec![0.3, 0.0, 0.1, 0.0, -0.2, 0.0]);
    let calibration = Calibration {
        temperature: 1.0,
        shares: vec![1.0 / 6.0; 6],
        reliability: vec![Reliability {
            below: 1000,
            postings: 40,
            right: 31,
        }],
        confusion: (0..6)
            .map(|t| {
                (0..6)
                    .map(|p| [900, 60, 40, 0, 0, 0][(6 + p - t) % 6])
                    .collect()
            })
            .collect(),
    };
    let model = Model {
        labels: LABELS.map(str::to_owned).to_vec(),
        languages: vec!["en".to_owned()],
        content: Scorer { space, linear },
        title: None,
        title_weight: 0.0,
        title_calibration: calibration.clone(),
        content_calibration: calibration,
        provenance: Provenance {
            data: "0".repeat(64),
            facts: vec![("rows used".to_owned(), "<40>".to_owned())],
            rows: vec![40; 6],
            ..Provenance::default()
        },
    };
    Classifier::from_bytes(file::write(&model).0.as_bytes(), "six").unwrap()
}

const AD: &str = "We run Kubernetes clusters for the teams that serve our customers, and you will keep them healthy.\n\n\
    \u{2022} models and experiments of the research group run there too, and they must never wait for a machine again\n\
    \u{2022} 数据科学家和工程师一起工作，我们每天都在改进我们的平台和工具，欢迎加入我们的团队 🚀🚀🚀\n\
    \tnaïve cafe\u{301} owners may bring soup\u{1b}[2J\u{202e} to the tables";

fn view<'a>(
    classifier: &'a Classifier,
    posting: Posting<'a>,
    explanation: &'a rolecall::Explanation,
) -> View<'a> {
    View {
        classifier,
        posting,
        explanation,
        terms: 8,
    }
}

/// After a change that is meant, `UPDATE_SNAPSHOTS=1 cargo test --test pages` renews the files.
#[track_caller]
fn check_snapshot(width: usize, colours: bool) {
    let classifier = company();
    let posting = Posting::titled("Cook\u{7}", AD);
    let explanation = classifier.explain(posting);
    let view = view(&classifier, posting, &explanation);
    let terminal = Terminal { width, colours };
    let drawn = terminal.verdict(&view) + "\n" + &terminal.highlighted(&view);
    let name = if colours { "colours" } else { "plain" };
    let path = format!(
        "{}/tests/data/terminal-{width}-{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(drawn, std::fs::read_to_string(&path).unwrap(), "{path}");
    let plain = anstream::adapter::strip_str(&drawn).to_string();
    for line in plain.lines() {
        let columns = unicode_width::UnicodeWidthStr::width(line);
        assert!(columns <= width, "{columns} columns: {line}");
    }
    assert!(
        !plain.contains(|c: char| c.is_control() && c != '\n'),
        "nothing steers the terminal"
    );
    if !colours {
        assert_eq!(plain, drawn, "no escapes without colours");
    }
}

#[test]
fn the_terminal_is_drawn_at_60_columns() {
    check_snapshot(60, false);
}

#[test]
fn the_terminal_is_drawn_at_80_columns() {
    check_snapshot(80, false);
    check_snapshot(80, true);
}

#[test]
fn the_terminal_is_drawn_at_140_columns() {
    check_snapshot(140, false);
}

/// The numbers of the evidence as printed sum to the score as printed.
#[test]
fn what_is_printed_adds_up() {
    let classifier = Classifier::embedded().unwrap();
    let posting = Posting::titled(
        "Data Scientist",
        "Kubernetes, Terraform, and statistics: you run the platform on which models are trained, and A/B tests.",
    );
    let explanation = classifier.explain(posting);
    let drawn = Terminal {
        width: 100,
        colours: false,
    }
    .verdict(&view(&classifier, posting, &explanation));
    let number = |line: &str| -> Option<i64> {
        let first = line.split_whitespace().next()?;
        let digits: String = first.chars().filter(char::is_ascii_digit).collect();
        let is_number = first.starts_with(['+', '−', '0']) && first.contains('.');
        is_number
            .then(|| digits.parse::<i64>().unwrap() * if first.starts_with('−') { -1 } else { 1 })
    };
    let (terms, sum) = drawn.split_at(drawn.find("the sum:").unwrap());
    assert!(sum.contains("score"));
    let numbers: Vec<i64> = terms.lines().filter_map(number).collect();
    let (sum, lines) = numbers.split_last().unwrap();
    assert!(lines.len() >= 9, "{drawn}");
    assert_eq!(lines.iter().sum::<i64>(), *sum, "{drawn}");
}

fn keep(name: &str, page: &str) {
    if let Some(directory) = std::env::var_os("PAGES") {
        std::fs::write(std::path::Path::new(&directory).join(name), page).unwrap();
    }
}

/// No page has an element from the text that it shows, loads anything, or links anywhere.
#[track_caller]
fn check_page(page: &str) {
    assert!(page.contains("default-src 'none'"));
    for forbidden in [
        "<img",
        "<iframe",
        "<a ",
        "href=\"",
        "src=\"",
        "url(",
        "onerror=\"",
        "@import",
        " style=\"",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let scripts = page.matches("<script").count();
    assert!(scripts <= 1 && page.matches("</script>").count() == scripts);
    assert_eq!(
        page.matches("<style").count() - page.matches("<style>svg").count(),
        1
    );
    assert_eq!(page.matches("</main>").count(), 1);
}

#[test]
fn a_hostile_ad_is_shown_and_never_run() {
    let hostile = "<p>Kubernetes clusters</p></div></main><script>document.title='owned'</script><img src=x onerror=\"x()\">\
        <style>body{display:none}</style>&lt;script&gt;run()&lt;/script&gt; models \"quoted\" 'single' -->]]>\u{0}\u{1b}[2J";
    let classifier = company();
    let posting = Posting::titled("</title><script>x()</script>", hostile);
    let explanation = classifier.explain(posting);
    let page = ad_page(&view(&classifier, posting, &explanation));
    check_page(&page);
    assert!(
        page.contains("&lt;script&gt;document.title='owned'&lt;/script&gt;"),
        "it is shown"
    );
    assert!(page.contains("Research &amp; &lt;Dev&gt;") && page.contains("␛[2J"));
    keep("hostile.html", &page);
}

const POSTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/postings.csv");

#[test]
fn an_ad_gets_a_page() {
    let classifier = Classifier::embedded().unwrap();
    let examples = dataset::read(&[POSTINGS], &DataOptions::default())
        .unwrap()
        .examples;
    let example = &examples[1];
    let posting = Posting::titled(&example.title, &example.description);
    let explanation = classifier.explain(posting);
    let page = ad_page(&View {
        terms: 40,
        ..view(&classifier, posting, &explanation)
    });
    check_page(&page);
    for part in [
        "Probabilities",
        "What would have to change",
        "Skills and duties found",
        "What the labels mean",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("<mark class=") && page.contains("data-tip="));
    assert!(page.len() < 200_000, "{} bytes", page.len());
    keep("ad.html", &page);
}

/// The learning curve that a page of `classifier` is drawn with.
fn learning(summary: &Summary) -> Vec<(usize, Summary)> {
    [100, 1000, 5000]
        .map(|rows| (rows, summary.clone()))
        .to_vec()
}

/// The page and the figures of a classifier on postings; nothing of a figure is text of one.
#[track_caller]
fn check_evaluation(classifier: &Classifier, examples: &[Example], name: &str) -> String {
    let options = EvaluationOptions {
        ignore_title: false,
        include_seen: true,
        threads: 2,
    };
    let found = whole::evaluate(classifier, examples, options).unwrap();
    let rows: Vec<Row> = found
        .kept
        .iter()
        .zip(&found.judged)
        .map(|(&row, judged)| Row::new(&examples[row], judged, false))
        .collect();
    let scores = Scores {
        summaries: &found.summaries,
        baselines: &found.baselines,
        learning: &learning(found.best()),
    };
    let groups: Vec<u32> = (0..).take(found.judged.len()).collect();
    let labels = classifier.labels().len();
    let comparison = compare(&found.judged, &found.judged, &groups, labels);
    let page = evaluation_page(&Evaluation {
        name: "postings <all>",
        classifier,
        scores,
        comparisons: &[("the model before".to_owned(), comparison)],
        slices: &found.slices,
        rows: &rows,
    });
    check_page(&page);
    for part in [
        "postings &lt;all&gt;",
        "Undecided whether better",
        "How far the probabilities can be trusted",
        "By source",
        "By length",
        "What speaks for and against each label",
        "The most instructive errors",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    keep(name, &page);
    let figures = figures(&scores);
    assert_eq!(figures.len(), 6);
    for (name, svg) in figures {
        assert!(
            svg.starts_with("<svg ") && svg.contains("prefers-color-scheme"),
            "{name}"
        );
        let shows = examples.iter().any(|e| svg.contains(&e.description[..20]));
        assert!(!shows, "no text of a posting");
    }
    page
}

#[test]
fn an_evaluation_gets_a_page_and_figures() {
    let mut examples = dataset::read(&[POSTINGS], &DataOptions::default())
        .unwrap()
        .examples;
    for (n, example) in examples.iter_mut().enumerate() {
        let board = ["board <A>", "board B", "board C"][n % 3];
        board.clone_into(&mut example.source);
    }
    let page = check_evaluation(
        &Classifier::embedded().unwrap(),
        &examples,
        "evaluation.html",
    );
    assert_eq!(page.matches("<figure>").count(), 7);
    assert!(page.contains("board &lt;A&gt;"));
    assert!(page.contains("entries that articles name for a role"));
}

#[test]
fn six_labels_of_a_companys_own_get_an_evaluation() {
    let words = [
        ("experiments", 0),
        ("clusters", 1),
        ("tables", 2),
        ("customers", 3),
        ("patients", 4),
        ("soup", 5),
    ];
    let all = words.map(|(word, _)| word).join(" ");
    let examples: Vec<Example> = (0..240)
        .map(|n: usize| {
            let (word, label) = words[n % 6];
            let mistaken = usize::from(n.is_multiple_of(13));
            Example {
                title: format!("Post <{n}>"),
                description: format!(
                    "{all} models, Kubernetes and knives: {}{}</div></main><img src=x onerror=\"x()\">\u{1b}[2J",
                    format!("{word} ").repeat(n % 5),
                    " and".repeat(n % 3 * 300)
                ),
                label: LABELS[(label + mistaken) % 6].to_owned(),
                source: ["north", "south"][n % 2].to_owned(),
                language: "en".to_owned(),
                ..Example::default()
            }
        })
        .collect();
    let page = check_evaluation(&company(), &examples, "company.html");
    assert!(page.contains("Post &lt;") && page.contains("␛[2J"));
    for label in ["Research &amp; &lt;Dev&gt;", "Data 数据", "Kitchen"] {
        assert!(page.contains(label), "{label}");
    }
}

#[test]
fn a_labelled_file_gets_a_page_that_stays_small() {
    let classifier = company();
    let mut holdings = Holdings::new(
        classifier.labels(),
        classifier.model().content.space.lexicon(),
    );
    for row in 0..100_000_u64 {
        let label = (row * row % 11 % 6) as usize;
        holdings.add(&Sighting {
            label: (row % 50 > 0).then_some(label),
            judged: Some(label),
            title_label: Some((label + usize::from(row % 5 == 0)) % 6),
            content_label: Some(label),
            text: row / 2 * (1 + row % 2) + 1,
            month: Some(2023 * 12 + (row % 30) as u32),
            source: format!("source <{}>", row % 7),
            company: format!("company {}", row % 30_011),
            skills: if row % 3 == 0 {
                vec![0, 1]
            } else {
                vec![(row % 2) as u32]
            },
        });
    }
    let page = holdings.page("a <file>", &classifier);
    check_page(&page);
    for part in [
        "The share of each label",
        "Corrected: ",
        "Over time",
        "By source",
        "By company",
        "most demanded",
        "go together",
        "Title against content",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("a &lt;file&gt;") && page.contains("source &lt;3&gt;"));
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    keep("holdings.html", &page);
}

/// Rows as the labelling sees them, from real texts.
#[test]
fn a_sighting_knows_its_row() {
    let classifier = Classifier::embedded().unwrap();
    let posting = Posting::titled(
        "Data Engineer",
        "<p>Python, SQL, Python &amp; Airflow pipelines for statistics</p>",
    );
    let mut scratch = Scratch::default();
    let prediction = classifier.classify_with(posting, &mut scratch);
    let columns = ["2024-05-01", "board", " ACME "];
    let row = Sighting::new(
        posting,
        &prediction,
        prediction.label,
        scratch.skills(),
        columns,
    );
    assert_eq!(
        (row.month, row.company.as_str()),
        (Some(2024 * 12 + 4), "ACME")
    );
    let names: Vec<&str> = row
        .skills
        .iter()
        .map(|&s| {
            classifier.model().content.space.lexicon().skills()[s as usize]
                .name
                .as_str()
        })
        .collect();
    assert_eq!(names.iter().filter(|n| **n == "Python").count(), 1);
    assert!(names.contains(&"SQL"));
}
