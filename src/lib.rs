//! Reads a job posting and says which role it hires for: data scientist (DS), machine
//! learning engineer (MLE), MLOps engineer (MLOps) or none of them (Other), with a
//! calibrated probability and the words that decided it.
//!
//! ```
//! use rolecall::{Classifier, Posting};
//!
//! let classifier = Classifier::embedded()?;
//! let ad = "You will frame business questions, run A/B tests and build regression models in Python and SQL, \
//!     and present your findings to stakeholders. Solid statistics and experiment design are a must.";
//! let verdict = classifier.explain(Posting::untitled(ad));
//! let label = verdict.prediction.label.map(|label| classifier.labels()[label].as_str());
//! assert_eq!(label, Some("DS"));
//! assert!(verdict.evidence.iter().any(|e| e.term == "A/B testing"));
//! # Ok::<(), rolecall::Error>(())
//! ```
//!
//! # The pipeline, in order
//!
//! 1. [`posting`]: a title, if there is one, and a description.
//! 2. [`text`]: markup removed, entities decoded; the way back to every byte is kept.
//! 3. [`token`]: words with byte spans, folded and stemmed.
//! 4. [`skills`]: the lexicon finds skills, tools and duties among the tokens.
//! 5. [`features`]: words, pairs, skills and totals as one sparse row. The same function
//!    serves training and prediction.
//! 6. [`model`]: weights and bias give logits, logits give probabilities.
//! 7. [`title`]: the title's own small model, added to the description's.
//! 8. [`prediction`]: label, probability, margin, status, evidence.
//! 9. [`prior`]: base rates other than the training postings'.
//! 10. [`classifier`]: all of it behind one type.
//!
//! [`readers`] open files of postings, [`columns`] finds the title and the text in them,
//! and [`labelling`] takes them through the flow to [`writers`], at any size.
//!
//! Beside the flow stand [`evaluation`], which measures models on [`example`]s, [`training`],
//! which makes them, [`audit`], which looks for wrong labels, and [`mod@bench`], which measures
//! how fast all of it is; [`duplicates`] and [`folds`] say which examples must stay together,
//! and `report` draws what all of them found.
//! Nothing here prints or exits.

pub mod ad;
pub mod audit;
pub mod bench;
pub mod classifier;
#[cfg(feature = "cli")]
pub mod cli;
pub mod columns;
pub mod duplicates;
pub mod error;
pub mod evaluation;
pub mod example;
pub mod features;
pub mod folds;
pub mod labelling;
pub mod language;
mod layout;
pub mod model;
mod names;
mod parallel;
pub mod posting;
pub mod prediction;
pub mod prior;
mod random;
pub mod readers;
#[cfg(feature = "report")]
pub mod report;
pub mod skills;
mod table;
pub mod text;
pub mod title;
pub mod token;
pub mod training;
pub mod writers;

pub use classifier::{Classifier, Scratch};
pub use error::{Error, Result};
pub use posting::Posting;
pub use prediction::{Evidence, EvidenceKind, Explanation, Prediction, Status};
