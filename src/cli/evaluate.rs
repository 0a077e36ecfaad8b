//! `rolecall evaluate`: a model's scores on labelled postings.

use std::path::PathBuf;

use super::{ModelArguments, Outcome, scores};
use crate::evaluation::{self, Sight};
use crate::training::{Origin, table};

/// Score a model on labelled postings that it was not trained on
///
/// Rows whose label was taken from the title are left out where others are, and so are rows in languages that the
/// model does not know.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// CSV file, plain or gzipped, with the columns description and label, and title where there is one
    data: PathBuf,
    #[command(flatten)]
    model: ModelArguments,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let classifier = arguments.model.classifier()?;
    let mut examples = table::read(&arguments.data)?;
    if examples.iter().any(|e| e.origin == Origin::Reading) {
        examples.retain(|e| e.origin == Origin::Reading);
    }
    let languages = &classifier.model().languages;
    examples.retain(|e| e.language.is_empty() || languages.contains(&e.language));
    let sights = [Sight::Title, Sight::Description, Sight::Both];
    let sights = sights
        .into_iter()
        .filter(|s| *s == Sight::Description || !arguments.model.ignore_title);
    let rows = sights
        .map(|sight| {
            Ok((
                sight.as_str(),
                evaluation::judge(&classifier, &examples, sight)?,
            ))
        })
        .collect::<crate::Result<Vec<_>>>()?;
    anstream::println!(
        "{} postings, model {}\n",
        examples.len(),
        classifier.model_id()
    );
    anstream::print!("{}", scores::table(&rows, classifier.labels()));
    Ok(())
}
