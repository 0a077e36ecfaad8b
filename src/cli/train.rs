//! `rolecall train`: labelled postings to a model.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Failure, Outcome, name_of, read_input, scores, write_whole};
use crate::model::file;
use crate::skills::Lexicon;
use crate::training::{self, Trained, TrainingOptions, table};

/// Fit a model to labelled postings
///
/// Scores are measured by cross-validation that never puts postings of one employer on both sides.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// CSV file, plain or gzipped, with the columns title, description and label
    data: PathBuf,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// Use this lexicon file instead of the one inside the program
    #[arg(long, value_name = "FILE")]
    lexicon: Option<PathBuf>,
    /// Threads to use; the model does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub fn run(arguments: &Arguments) -> Outcome {
    let lexicon = match &arguments.lexicon {
        None => Lexicon::shipped()?,
        Some(path) => Lexicon::parse(
            &String::from_utf8_lossy(&read_input(path, 64 << 20)?),
            &name_of(path),
        )?,
    };
    let examples = table::read(&arguments.data)?;
    let mut options = TrainingOptions::default();
    options.threads = arguments.threads.unwrap_or(options.threads);
    if options.threads == 0 {
        return Err(Failure::Usage("--threads must be at least 1".to_owned()));
    }
    anstream::eprintln!(
        "training on {} rows of {}",
        examples.len(),
        name_of(&arguments.data)
    );
    let trained = training::train(&examples, &Arc::new(lexicon), &options)?;
    report(&trained);
    let (text, id) = file::write(&trained.model);
    write_whole(&arguments.output, text.as_bytes())?;
    anstream::eprintln!("model {id} written to {}", arguments.output.display());
    Ok(())
}

fn report(trained: &Trained) {
    let labels = &trained.model.labels;
    let n = trained
        .model
        .provenance
        .facts
        .iter()
        .find(|(name, _)| name == "rows used");
    anstream::eprintln!(
        "{} rows used, {} features, {} iterations, title weight {}\n\nscores by cross-validation, no employer on both sides:",
        n.map_or("?", |(_, n)| n),
        trained.model.content.space.len(),
        trained.convergence.iterations,
        trained.model.title_weight
    );
    let rows = [
        ("title", trained.title.clone()),
        ("description", trained.content.clone()),
        ("title and description", trained.both.clone()),
    ];
    anstream::eprint!("{}", scores::table(&rows, labels));
}
