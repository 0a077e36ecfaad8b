//! What a model weighs: its strongest features, and what moved between two models.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Model, Scorer};
use crate::features::Kind;

/// A feature and what it adds for one label, measured against the mean of all labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyFeature {
    /// "word", "pair", "skill" or "group".
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its weight for the label minus the mean over labels.
    pub weight: f64,
}

/// A feature whose weights differ between two models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// "description" or "title".
    pub part: &'static str,
    /// "word", "pair", "skill" or "group".
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The old weights by the labels asked for; `None` where the old model lacks it.
    pub old: Option<Vec<f64>>,
    /// The new ones; `None` where the new model lacks it.
    pub new: Option<Vec<f64>>,
}

impl Moved {
    /// The largest change of a weight; a feature that is missing counts as zeros.
    #[must_use]
    pub fn distance(&self) -> f64 {
        let (old, new) = (
            self.old.as_deref().unwrap_or(&[]),
            self.new.as_deref().unwrap_or(&[]),
        );
        let at = |values: &[f64], i: usize| values.get(i).copied().unwrap_or(0.0);
        let changes = (0..old.len().max(new.len())).map(|i| (at(new, i) - at(old, i)).abs());
        changes.fold(0.0, f64::max)
    }
}

/// The name of a kind in outputs.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Word => "word",
        Kind::Pair => "pair",
        Kind::Skill => "skill",
        Kind::Group => "group",
    }
}

/// The features of the description that speak most for a label.
#[must_use]
pub fn key_features(model: &Model, label: usize, n: usize) -> Vec<KeyFeature> {
    let (space, linear) = (&model.content.space, &model.content.linear);
    let favour = |feature: u32| {
        let weights = linear.weights(feature);
        weights[label] - weights.iter().sum::<f64>() / weights.len() as f64
    };
    let mut order: Vec<(f64, u32)> = (0..linear.n_features() as u32)
        .map(|feature| (favour(feature), feature))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order
        .into_iter()
        .take(n)
        .map(|(weight, feature)| {
            let (kind, name) = space.describe(feature);
            KeyFeature {
                kind: kind_name(kind),
                name,
                weight,
            }
        })
        .collect()
}

/// All features whose weights differ, largest change first. Weights stand in the order of
/// `labels`, which both models must have.
#[must_use]
pub fn moved(old: &Model, new: &Model, labels: &[String]) -> Vec<Moved> {
    let mut moved = of_part(
        "description",
        Some(&old.content),
        Some(&new.content),
        [old, new],
        labels,
    );
    moved.extend(of_part(
        "title",
        old.title.as_ref(),
        new.title.as_ref(),
        [old, new],
        labels,
    ));
    moved.sort_by(|a, b| b.distance().total_cmp(&a.distance()));
    moved
}

fn of_part(
    part: &'static str,
    old: Option<&Scorer>,
    new: Option<&Scorer>,
    models: [&Model; 2],
    labels: &[String],
) -> Vec<Moved> {
    let weights =
        |scorer: Option<&Scorer>, model: &Model| -> BTreeMap<(&'static str, String), Vec<f64>> {
            let Some(Scorer { space, linear }) = scorer else {
                return BTreeMap::new();
            };
            let columns: Vec<usize> = labels
                .iter()
                .filter_map(|l| model.labels.iter().position(|m| m == l))
                .collect();
            (0..linear.n_features() as u32)
                .map(|feature| {
                    let (kind, name) = space.describe(feature);
                    let all = linear.weights(feature);
                    (
                        (kind_name(kind), name),
                        columns.iter().map(|&c| all[c]).collect(),
                    )
                })
                .collect()
        };
    let (old, mut new) = (weights(old, models[0]), weights(new, models[1]));
    let mut moved = Vec::new();
    for ((kind, name), before) in old {
        let after = new.remove(&(kind, name.clone()));
        if after.as_ref() != Some(&before) {
            moved.push(Moved {
                part,
                kind,
                name,
                old: Some(before),
                new: after,
            });
        }
    }
    moved.extend(new.into_iter().map(|((kind, name), after)| Moved {
        part,
        kind,
        name,
        old: None,
        new: Some(after),
    }));
    moved
}
