//! What goes in: one job posting.

/// A job posting: the text to judge and, where there is one, its title.
///
/// The title is evidence of its own kind: it never enters the features of the
/// description, and a classifier can be told to ignore it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Posting<'a> {
    /// The job's title, if the posting carries one.
    pub title: Option<&'a str>,
    /// The advertisement: plain text, Markdown or HTML, escaped or not.
    pub description: &'a str,
}

impl<'a> Posting<'a> {
    /// A posting of which only the description is known.
    #[must_use]
    pub fn untitled(description: &'a str) -> Self {
        Self {
            title: None,
            description,
        }
    }

    /// A posting with its title; a blank title counts as none.
    #[must_use]
    pub fn titled(title: &'a str, description: &'a str) -> Self {
        Self {
            title: Some(title).filter(|t| !t.trim().is_empty()),
            description,
        }
    }
}
