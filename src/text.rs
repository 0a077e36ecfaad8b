//! Markup off, text out: what a reader of the posting would see, with a map back.
//!
//! Plain text and Markdown pass through untouched. HTML, and HTML that was escaped
//! once more (`&lt;p&gt;`), is recognised by its tags and entities and read with
//! `html5gum`. Whatever is removed, [`Text::source_span`] leads every byte of the
//! cleaned text back to the text as it was given, so evidence can be shown where it
//! stands.

use std::borrow::Cow;
use std::ops::Range;

use html5gum::Token as Html;
use html5gum::emitters::default::DefaultEmitter;

/// A cleaned text and the way back to its source.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    clean: Cow<'a, str>,
    /// Sorted by `clean`; empty when the text was taken as it is.
    pieces: Vec<Piece>,
}

/// A stretch of cleaned text and the stretch of source that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    clean: Range<usize>,
    source: Range<usize>,
}

impl Piece {
    /// Copied byte by byte, as opposed to decoded or made up.
    fn is_copy(&self) -> bool {
        self.clean.len() == self.source.len()
    }
}

impl<'a> Text<'a> {
    /// Cleans a text, whatever it is.
    ///
    /// ```
    /// let source = "<p>R&amp;D with <b>Python</b></p>";
    /// let text = rolecall::text::Text::new(source);
    /// assert_eq!(text.as_str().trim(), "R&D with Python");
    /// let python = text.as_str().find("Python").unwrap();
    /// assert_eq!(&source[text.source_span(python..python + 6)], "Python");
    /// ```
    #[must_use]
    pub fn new(source: &'a str) -> Self {
        if !is_markup(source) {
            return Self {
                clean: source.into(),
                pieces: Vec::new(),
            };
        }
        let once = without_markup(source);
        if !has_tags(&once.clean) {
            return once;
        }
        let twice = without_markup(&once.clean);
        let pieces = twice.pieces.iter().map(|p| Piece {
            clean: p.clean.clone(),
            source: once.source_span(p.source.clone()),
        });
        Self {
            pieces: pieces.collect(),
            clean: Cow::Owned(twice.clean.into_owned()),
        }
    }

    /// The text without markup.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.clean
    }

    /// The bytes of the source that a (non-empty) span of the cleaned text stands for,
    /// markup in between included.
    #[must_use]
    pub fn source_span(&self, span: Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() || span.is_empty() {
            return span;
        }
        let first = self.piece_at(span.start);
        let last = self.piece_at(span.end - 1);
        let start = if first.is_copy() {
            first.source.start + (span.start - first.clean.start)
        } else {
            first.source.start
        };
        let end = if last.is_copy() {
            last.source.start + (span.end - last.clean.start)
        } else {
            last.source.end
        };
        start..end
    }

    /// The span of the cleaned text that a span of the source stands for: what
    /// [`Text::source_span`] leads back from. Empty where all of it was removed.
    #[must_use]
    pub fn clean_span(&self, span: Range<usize>) -> Range<usize> {
        if span.is_empty() || self.clean.is_empty() {
            return 0..0;
        }
        if self.pieces.is_empty() {
            return span;
        }
        let begin = self.pieces.partition_point(|p| p.source.end <= span.start);
        let end = self.pieces.partition_point(|p| p.source.start < span.end);
        let Some(pieces) = self.pieces.get(begin..end).filter(|p| !p.is_empty()) else {
            return 0..0;
        };
        let (first, last) = (&pieces[0], &pieces[pieces.len() - 1]);
        let start = match span.start.checked_sub(first.source.start) {
            Some(inside) if first.is_copy() => first.clean.start + inside,
            _ => first.clean.start,
        };
        let end = match last.source.end.checked_sub(span.end) {
            Some(inside) if last.is_copy() => last.clean.end - inside,
            _ => last.clean.end,
        };
        start..end
    }

    fn piece_at(&self, clean: usize) -> &Piece {
        let at = self.pieces.partition_point(|p| p.clean.end <= clean);
        &self.pieces[at.min(self.pieces.len() - 1)]
    }
}

/// Tags that show a text to be HTML; anything else in angle brackets is prose.
const TAGS: [&str; 44] = [
    "a",
    "article",
    "b",
    "blockquote",
    "body",
    "br",
    "center",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "hr",
    "html",
    "i",
    "img",
    "li",
    "link",
    "main",
    "meta",
    "ol",
    "p",
    "script",
    "section",
    "span",
    "strong",
    "style",
    "sub",
    "sup",
    "table",
    "td",
    "th",
    "tr",
    "u",
    "ul",
];

/// Tags whose content is never read.
const UNREAD: [&[u8]; 5] = [b"script", b"style", b"template", b"title", b"svg"];

/// Tags that run within a line; all others end it.
const INLINE: [&[u8]; 16] = [
    b"a", b"abbr", b"b", b"code", b"em", b"font", b"i", b"mark", b"s", b"small", b"span",
    b"strong", b"sub", b"sup", b"u", b"wbr",
];

fn is_markup(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'<', b'&', bytes).any(|at| match bytes[at] {
        b'<' => is_tag(&bytes[at + 1..]),
        _ => is_entity(&bytes[at + 1..]),
    })
}

fn has_tags(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', bytes).any(|at| is_tag(&bytes[at + 1..]))
}

/// Whether a tag goes on like this behind its `<`.
fn is_tag(inside: &[u8]) -> bool {
    let inside = inside.strip_prefix(b"/").unwrap_or(inside);
    let name = inside
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    let closed = matches!(
        inside.get(name),
        Some(b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r')
    );
    closed
        && TAGS
            .iter()
            .any(|tag| inside[..name].eq_ignore_ascii_case(tag.as_bytes()))
}

/// Whether a character reference goes on like this behind its `&`.
fn is_entity(name: &[u8]) -> bool {
    let name = name.strip_prefix(b"#").unwrap_or(name);
    let length = name
        .iter()
        .take(10)
        .take_while(|b| b.is_ascii_alphanumeric())
        .count();
    length > 1 && name.get(length) == Some(&b';')
}

/// Removes tags and decodes character references, once.
fn without_markup(source: &str) -> Text<'_> {
    let mut cleaner = Cleaner {
        source,
        clean: String::with_capacity(source.len()),
        pieces: Vec::new(),
    };
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut unread: Option<Vec<u8>> = None;
    for token in html5gum::Tokenizer::new_with_emitter(source, emitter) {
        let Ok(token) = token;
        match token {
            Html::StartTag(tag) if unread.is_none() => {
                if UNREAD.contains(&&tag.name[..]) && !tag.self_closing {
                    unread = Some(tag.name.0);
                } else if !INLINE.contains(&&tag.name[..]) {
                    cleaner.end_line(tag.span.start..tag.span.end);
                }
            }
            Html::EndTag(tag) => {
                if unread.as_deref() == Some(&tag.name[..]) {
                    unread = None;
                } else if unread.is_none() && !INLINE.contains(&&tag.name[..]) {
                    cleaner.end_line(tag.span.start..tag.span.end);
                }
            }
            Html::String(text) if unread.is_none() => cleaner.text(text.span.start..text.span.end),
            _ => {}
        }
    }
    Text {
        clean: Cow::Owned(cleaner.clean),
        pieces: cleaner.pieces,
    }
}

struct Cleaner<'a> {
    source: &'a str,
    clean: String,
    pieces: Vec<Piece>,
}

impl Cleaner<'_> {
    fn push(&mut self, text: &str, source: Range<usize>) {
        if text.is_empty() {
            return;
        }
        let start = self.clean.len();
        self.clean.push_str(text);
        self.pieces.push(Piece {
            clean: start..self.clean.len(),
            source,
        });
    }

    fn end_line(&mut self, tag: Range<usize>) {
        if !self.clean.is_empty() && !self.clean.ends_with('\n') {
            self.push("\n", tag);
        }
    }

    /// Copies a stretch of text, decoding the character references in it.
    fn text(&mut self, span: Range<usize>) {
        let source = self.source;
        let Some(mut rest) = source.get(span.clone()) else {
            return;
        };
        let mut at = span.start;
        while let Some(ampersand) = rest.find('&') {
            self.push(&rest[..ampersand], at..at + ampersand);
            let reference = reference_length(&rest[ampersand..]);
            let (start, end) = (at + ampersand, at + ampersand + reference);
            self.push(&decoded(&source[start..end]), start..end);
            rest = &rest[ampersand + reference..];
            at = end;
        }
        self.push(rest, at..at + rest.len());
    }
}

/// The length of what may be a character reference at the start of `text`.
fn reference_length(text: &str) -> usize {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
    let name = text.bytes().skip(1).take(40).take_while(is_name).count();
    1 + name + usize::from(text.as_bytes().get(1 + name) == Some(&b';'))
}

/// One character reference as the character that it stands for; a no-break space
/// comes out as a space.
fn decoded(reference: &str) -> Cow<'_, str> {
    let strings = html5gum::Tokenizer::new(reference).filter_map(|token| match token {
        Ok(Html::String(text)) => Some(text.value.0),
        _ => None,
    });
    let bytes: Vec<u8> = strings.flatten().collect();
    String::from_utf8_lossy(&bytes)
        .replace('\u{a0}', " ")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(
            Text::new(source).as_str().trim(),
            expected,
            "from {source:?}"
        );
    }

    #[test]
    fn plain_text_is_left_alone() {
        for text in [
            "",
            "a < b and c > d",
            "AT&T, R&D",
            "# Markdown\n* **bold**",
            "<3 our team <kidding>",
        ] {
            let cleaned = Text::new(text);
            assert_eq!(cleaned.as_str(), text);
            assert!(cleaned.pieces.is_empty());
        }
    }

    #[test]
    fn markup_goes_and_blocks_end_lines() {
        check("<ul><li>Python</li><li>SQL</li></ul>", "Python\nSQL");
        check(
            "Kuber<b>netes</b> &amp; <i>Docker</i><br>R&D",
            "Kubernetes & Docker\nR&D",
        );
        check(
            "<script>var x = '<p>no</p>';</script><style>p{}</style><p>yes</p>",
            "yes",
        );
        check(
            "caf&eacute; &#8211; na&#xEF;ve &nbsp;&copy 2024 &unknown;",
            "café – naïve  © 2024 &unknown;",
        );
    }

    #[test]
    fn escaped_markup_is_read_too() {
        check(
            "&lt;p&gt;Build &amp;amp; run&lt;/p&gt;&lt;p&gt;models&lt;/p&gt;",
            "Build & run\nmodels",
        );
    }

    #[track_caller]
    fn check_span(source: &str, word: &str, expected: &str) {
        let text = Text::new(source);
        let at = text.as_str().find(word).expect("the word is there");
        let span = text.source_span(at..at + word.len());
        assert_eq!(text.clean_span(span.clone()), at..at + word.len());
        assert_eq!(&source[span], expected);
    }

    #[test]
    fn spans_lead_back_to_the_source() {
        check_span(
            "<p>We use Kuber<b>netes</b> daily",
            "Kubernetes",
            "Kuber<b>netes",
        );
        check_span("<p>R&amp;D team</p>", "R&D", "R&amp;D");
        check_span(
            "&lt;p&gt;use &lt;b&gt;Spark&lt;/b&gt; now&lt;/p&gt;",
            "Spark",
            "Spark",
        );
        check_span("&lt;p&gt;R&amp;amp;D&lt;/p&gt;", "R&D", "R&amp;amp;D");
        check_span("plain Python", "Python", "Python");
    }

    #[test]
    fn what_was_removed_stands_nowhere_in_the_cleaned_text() {
        for source in [
            "<script>var x;</script>",
            "<p>seen</p><script>var x;</script>",
        ] {
            let text = Text::new(source);
            let script = source.find("var").unwrap();
            assert_eq!(text.clean_span(script..script + 4), 0..0);
            assert_eq!(text.clean_span(source.len()..source.len()), 0..0);
        }
    }
}
