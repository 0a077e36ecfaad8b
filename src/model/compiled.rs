//! The model as tables, laid out while the program is built: opening it is copying them, but
//! for the weights, the most of it, which are used where they lie.
//!
//! It begins with the model's id and the version of its lexicon, so that these can be
//! had without opening it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::features::FeatureSpace;
use crate::layout::{Reader, Writer};
use crate::model::{Calibration, Linear, Model, Provenance, Reliability, Scorer};
use crate::skills::Lexicon;

/// The tables of a model whose id is `id`.
#[must_use]
pub fn write(model: &Model, id: &str) -> Vec<u8> {
    let mut to = Writer::default();
    let lexicon = model.content.space.lexicon();
    to.text(id);
    to.number(lexicon.version());
    to.texts(&model.labels);
    to.texts(&model.languages);
    to.text(&model.provenance.data);
    let (names, values): (Vec<_>, Vec<_>) = model.provenance.facts.iter().cloned().unzip();
    to.texts(&names);
    to.texts(&values);
    to.list(&model.provenance.rows);
    to.texts(&model.provenance.parents);
    to.list(&model.provenance.seen);
    to.number(model.title_weight);
    for calibration in [&model.content_calibration, &model.title_calibration] {
        write_calibration(calibration, &mut to);
    }
    lexicon.write(&mut to);
    to.number(u8::from(model.title.is_some()));
    for scorer in [Some(&model.content), model.title.as_ref()]
        .into_iter()
        .flatten()
    {
        scorer.space.write(&mut to);
        to.list(scorer.linear.bias());
        to.list(scorer.linear.all_weights());
    }
    to.into_bytes()
}

/// The model that [`write()`] wrote, and its id; `None` if the bytes are no such tables.
#[must_use]
pub fn read(bytes: &'static [u8]) -> Option<(Model, &'static str)> {
    let mut from = Reader::new(bytes);
    let id = from.text()?;
    from.number::<u32>()?;
    let (labels, languages) = (from.texts()?, from.texts()?);
    let data = from.text()?.to_owned();
    let (names, values) = (from.texts()?, from.texts()?);
    let (rows, parents, seen) = (from.list()?, from.texts()?, from.list()?);
    let title_weight = from.number()?;
    let content_calibration = read_calibration(&mut from)?;
    let title_calibration = read_calibration(&mut from)?;
    let lexicon = Arc::new(Lexicon::read(&mut from)?);
    let has_title = from.number::<u8>()? != 0;
    let content = read_scorer(&mut from, &lexicon)?;
    let title = if has_title {
        Some(read_scorer(&mut from, &lexicon)?)
    } else {
        None
    };
    let model = Model {
        labels,
        languages,
        content,
        title,
        title_weight,
        content_calibration,
        title_calibration,
        provenance: Provenance {
            data,
            facts: names.into_iter().zip(values).collect(),
            rows,
            parents,
            seen,
        },
    };
    from.is_done().then_some((model, id))
}

/// The id of the model and the version of its lexicon.
#[must_use]
pub fn versions(bytes: &'static [u8]) -> Option<(&'static str, u32)> {
    let mut from = Reader::new(bytes);
    Some((from.text()?, from.number()?))
}

fn write_calibration(calibration: &Calibration, to: &mut Writer) {
    let bins = &calibration.reliability;
    to.number(calibration.temperature);
    to.list(&calibration.shares);
    to.list(&bins.iter().map(|bin| bin.below).collect::<Vec<_>>());
    to.list(&bins.iter().map(|bin| bin.postings).collect::<Vec<_>>());
    to.list(&bins.iter().map(|bin| bin.right).collect::<Vec<_>>());
    to.list(&calibration.confusion.concat());
}

fn read_calibration(from: &mut Reader) -> Option<Calibration> {
    let temperature = from.number()?;
    let shares = from.list()?;
    let below: Vec<u32> = from.list()?;
    let (postings, right): (Vec<u64>, Vec<u64>) = (from.list()?, from.list()?);
    let confusion: Vec<u64> = from.list()?;
    let bins = below.into_iter().zip(postings).zip(right);
    let bin = |((below, postings), right)| Reliability {
        below,
        postings,
        right,
    };
    Some(Calibration {
        temperature,
        reliability: bins.map(bin).collect(),
        confusion: confusion
            .chunks(shares.len().max(1))
            .map(<[u64]>::to_vec)
            .collect(),
        shares,
    })
}

fn read_scorer(from: &mut Reader, lexicon: &Arc<Lexicon>) -> Option<Scorer> {
    let space = FeatureSpace::read(from, Arc::clone(lexicon))?;
    let bias: Vec<f64> = from.list()?;
    let weights: Cow<[f64]> = from.list_in_place()?;
    (!bias.is_empty() && weights.len() == space.len() * bias.len()).then(|| Scorer {
        space,
        linear: Linear { weights, bias },
    })
}

#[cfg(test)]
mod tests {
    use crate::classifier::Classifier;
    use crate::model::file;
    use crate::posting::Posting;

    #[test]
    fn the_embedded_tables_are_those_of_the_model_file() {
        let text = include_bytes!("../../models/default.model");
        let parsed = Classifier::from_bytes(text, "models/default.model").unwrap();
        let embedded = Classifier::embedded().unwrap();
        assert_eq!(embedded.model_id(), parsed.model_id());
        let (written, id) = file::write(embedded.model());
        assert_eq!(id, embedded.model_id());
        assert!(written.as_bytes() == text);
        let posting = Posting::titled("Data scientist", include_str!("../../datasets/README.md"));
        assert_eq!(embedded.explain(posting), parsed.explain(posting));
    }

    #[test]
    fn tables_that_end_early_are_refused() {
        let bytes = crate::classifier::EMBEDDED;
        for length in (0..bytes.len()).step_by(bytes.len() / 300) {
            assert!(super::read(&bytes[..length]).is_none(), "{length} bytes");
        }
    }
}
