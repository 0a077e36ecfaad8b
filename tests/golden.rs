//! The pipeline, case by case: posting → tokens → features → ranked labels.

use rolecall::text::Text;
use rolecall::token;
use rolecall::{Classifier, Posting};

struct Golden {
    title: Option<&'static str>,
    ad: &'static str,
    tokens: &'static [&'static str],
    skills: &'static [&'static str],
    labels: &'static [&'static str],
}

#[track_caller]
fn check(golden: &Golden) {
    let text = Text::new(golden.ad);
    let tokens: Vec<&str> = token::tokenize(text.as_str())
        .iter()
        .map(|t| &text.as_str()[t.span()])
        .take(golden.tokens.len())
        .collect();
    assert_eq!(tokens, golden.tokens);
    let classifier = Classifier::embedded().unwrap();
    let lexicon = classifier.model().content.space.lexicon();
    let found: Vec<&str> = lexicon
        .find_in(text.as_str())
        .iter()
        .map(|(skill, _)| lexicon.skills()[*skill as usize].name.as_str())
        .collect();
    for skill in golden.skills {
        assert!(found.contains(skill), "`{skill}` is not among {found:?}");
    }
    let prediction = classifier.classify(Posting {
        title: golden.title,
        description: golden.ad,
    });
    let ranked: Vec<&str> = prediction
        .ranking()
        .iter()
        .take(golden.labels.len())
        .map(|l| classifier.labels()[*l].as_str())
        .collect();
    assert_eq!(ranked, golden.labels, "{:?}", prediction.probabilities);
}

#[test]
fn a_data_scientist() {
    check(&Golden {
        title: None,
        ad: "Frame business questions, design A/B tests and build regression models in Python/SQL; \
             present your findings to stakeholders. Solid statistics required.",
        tokens: &[
            "Frame",
            "business",
            "questions",
            "design",
            "A",
            "B",
            "tests",
        ],
        skills: &["A/B testing", "Python", "SQL", "statistics"],
        labels: &["DS"],
    });
}

#[test]
fn a_machine_learning_engineer_in_html() {
    check(&Golden {
        title: Some("ML Engineer"),
        ad: "<ul><li>Train &amp; tune deep-learning rankers in PyTorch</li><li>Cut the latency of inference with \
             TensorRT and C++</li><li>Ship models behind a REST API used by our product</li></ul>",
        tokens: &[
            "Train", "tune", "deep", "learning", "rankers", "in", "PyTorch", "Cut",
        ],
        skills: &["PyTorch", "TensorRT", "C++"],
        labels: &["MLE"],
    });
}

#[test]
fn machine_learning_operations_under_another_title() {
    check(&Golden {
        title: Some("Data Scientist"),
        ad: "You own the platform on which our data scientists train and deploy: Kubeflow on Kubernetes, a model \
             registry, a feature store, CI/CD for models, drift monitoring and automated retraining. You are on call \
             for the serving infrastructure and write Terraform.",
        tokens: &["You", "own", "the", "platform"],
        skills: &["Kubernetes", "Terraform", "CI/CD"],
        labels: &["MLOps"],
    });
}

#[test]
fn none_of_them() {
    check(&Golden {
        title: Some("Staff Nurse"),
        ad: "Care for patients on two surgical wards, give medication, keep records in our clinical system and \
             support junior colleagues. Registration with the council is required; nights are paid extra.",
        tokens: &["Care", "for", "patients"],
        skills: &[],
        labels: &["Other"],
    });
}
