//! Reads a job posting and says which role it hires for.

pub mod error;
pub mod features;
pub mod posting;
pub mod skills;
pub mod text;
pub mod token;

pub use error::{Error, Result};
pub use posting::Posting;
