//! What holds for every text whatsoever.

use proptest::prelude::*;
use rolecall::{Classifier, Posting, Scratch};
use std::sync::LazyLock;

static CLASSIFIER: LazyLock<Classifier> = LazyLock::new(|| Classifier::embedded().unwrap());

/// Prose, markup, entities, skills and noise, in any order.
fn ads() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,24}",
        2 => "[a-zA-Z ]{0,40}",
        2 => proptest::sample::select(vec![
            "Kubernetes", "C++", "scikit-learn", "data scientists", "A/B tests", "R", "Python", "go to market",
            "you build models", "deploy machine learning models to production", "dashboards", "the", "and we are",
        ]).prop_map(str::to_owned),
        1 => proptest::sample::select(vec![
            "<p>", "</p>", "<li>", "<b>", "</b>", "<br/>", "<script>", "</script>", "<", ">", "&amp;", "&lt;p&gt;",
            "&#x41;", "&nbsp;", "&", "\n", "\n\n", "• ", "\u{0}", "\u{ad}", "\r\n", "<!--", "-->",
        ]).prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_gets_honest_numbers_and_exact_evidence(ad in ads(), title in "\\PC{0,30}", titled: bool) {
        let posting = if titled { Posting::titled(&title, &ad) } else { Posting::untitled(&ad) };
        let explanation = CLASSIFIER.explain(posting);
        let prediction = &explanation.prediction;
        let sum: f64 = prediction.probabilities.iter().sum();
        prop_assert!(prediction.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
        prop_assert!((sum - 1.0).abs() < 1e-9);
        for terms in [0, 3, usize::MAX] {
            for (label, logit) in prediction.logits.iter().enumerate() {
                let total: f64 = explanation.strongest(terms).iter().map(|e| e.contributions[label]).sum();
                prop_assert!((total - logit).abs() < 1e-9, "{total} against {logit}");
            }
        }
        for evidence in &explanation.evidence {
            let text = if evidence.kind == rolecall::EvidenceKind::Title { posting.title.unwrap_or("") } else { &ad };
            for span in &evidence.spans {
                prop_assert!(text.get(span.clone()).is_some_and(|t| !t.is_empty()), "{span:?} in {text:?}");
            }
        }
        prop_assert_eq!(prediction, &CLASSIFIER.classify(posting));
    }

    #[test]
    fn what_was_read_before_changes_nothing(ads in proptest::collection::vec(ads(), 1..5)) {
        let mut scratch = Scratch::default();
        for ad in &ads {
            let posting = Posting::untitled(ad);
            prop_assert_eq!(CLASSIFIER.classify_with(posting, &mut scratch), CLASSIFIER.classify(posting));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(ad) = rolecall::ad::Ad::read(&bytes, "bytes") {
            let _ = CLASSIFIER.explain(ad.posting());
        }
    }
}

#[test]
fn nothing_known_gives_no_label() {
    for ad in ["", "zzz qqq", "12 34 56", "@@@"] {
        let prediction = CLASSIFIER.classify(Posting::untitled(ad));
        assert_eq!(
            (prediction.label, prediction.status.as_str()),
            (None, "short"),
            "{ad:?}"
        );
    }
    let german = "Wir suchen eine erfahrene Ingenieurin, die unsere Modelle in den Betrieb bringt, Python \
                  beherrscht und gern mit den Kolleginnen und Kollegen in der Fachabteilung zusammenarbeitet.";
    let prediction = CLASSIFIER.classify(Posting::untitled(german));
    assert_eq!(
        (
            prediction.label,
            prediction.status.as_str(),
            prediction.language
        ),
        (None, "foreign", Some("de"))
    );
}

#[test]
fn labels_can_be_restricted() {
    let ad = "We are looking for a nurse to care for patients on the night shift in our hospital in Leeds.";
    let all = CLASSIFIER.classify(Posting::untitled(ad));
    assert_eq!(
        all.label.map(|l| CLASSIFIER.labels()[l].as_str()),
        Some("Other")
    );
    let some = Classifier::embedded()
        .unwrap()
        .among(&["DS", "mle"])
        .unwrap();
    let among = some.classify(Posting::untitled(ad));
    assert!(["DS", "MLE"].contains(&some.labels()[among.label.unwrap()].as_str()));
    assert!((among.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let message = Classifier::embedded()
        .unwrap()
        .among(&["CEO"])
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "the model has no label `CEO`; its labels are DS, MLE, MLOps, Other"
    );
}

#[test]
fn a_classifier_can_be_shared() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&*CLASSIFIER);
}
