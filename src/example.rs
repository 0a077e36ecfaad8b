//! What is learnt from and measured on: one labelled posting.

/// A labelled posting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// The job's title; empty where there is none.
    pub title: String,
    /// The advertisement.
    pub description: String,
    /// The label, as the model will name it.
    pub label: String,
    /// Where the label comes from.
    pub origin: Origin,
    /// How sure the reader was: 3 clear, 2 leaning, 1 hard; 0 unknown.
    pub certainty: u8,
    /// ISO 639-1 code; empty: detected.
    pub language: String,
    /// The employer, or whatever must not stand on both sides of a split; empty: none known.
    pub group: String,
    /// The row's own id; empty where it has none.
    pub id: String,
    /// The board or feed that it comes from; empty: unknown.
    pub source: String,
    /// File and line, as messages name it.
    pub place: String,
}

/// Where a label comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody read the text with the title hidden.
    Reading,
    /// Taken from the title.
    Title,
    /// Given by people who may have seen the title.
    #[default]
    Unknown,
}
