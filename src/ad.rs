//! One pasted ad: what was given, recognised by its content.
//!
//! Text, Markdown and HTML are taken as they are; from a schema.org `JobPosting` in
//! JSON-LD, alone, in an array or `@graph`, or inside a saved web page, title and
//! description are taken out. Whatever a person is likely to paste by mistake is
//! refused with what to do instead.

use html5gum::Token as Html;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::posting::Posting;
use crate::text::Text;
use crate::title;

/// The fields of a `JobPosting` that make up its description, in this order.
const DESCRIPTION_FIELDS: [&str; 5] = [
    "description",
    "responsibilities",
    "qualifications",
    "skills",
    "experienceRequirements",
];

/// First bytes of files that are no text, and what they are.
const BINARY: [(&[u8], &str); 8] = [
    (b"%PDF", "a PDF; copy its text and paste that"),
    (
        b"PK\x03\x04",
        "a ZIP archive, as DOCX and XLSX files are; save it as plain text",
    ),
    (
        b"\xD0\xCF\x11\xE0",
        "an old Office document; save it as plain text",
    ),
    (
        b"\x1F\x8B",
        "compressed with gzip; unpack it with `gzip -dc FILE | rolecall classify`",
    ),
    (
        b"\x28\xB5\x2F\xFD",
        "compressed with zstd; unpack it with `zstd -dc FILE | rolecall classify`",
    ),
    (b"\x89PNG", "a picture; rolecall reads text only"),
    (b"\xFF\xD8\xFF", "a picture; rolecall reads text only"),
    (b"{\\rtf", "an RTF document; save it as plain text"),
];

const NO_TEXT: &str =
    "this is no text, or text in an unusual encoding; give the ad as UTF-8 text or HTML";

/// An ad as it was pasted or saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ad {
    /// The title: given with the posting, or a first line that looks like one.
    pub title: Option<String>,
    /// The description; evidence spans are byte offsets into it.
    pub description: String,
    /// Where the description begins in the text that was given, in bytes; 0 where it was
    /// taken out of a structured posting.
    pub offset: usize,
    /// Things worth telling whoever gave it.
    pub warnings: Vec<String>,
}

impl Ad {
    /// Reads an ad from bytes; `origin` names them in messages.
    ///
    /// # Errors
    /// [`Error::Data`] when the input is blank, binary, or JSON without a posting.
    pub fn read(bytes: &[u8], origin: &str) -> Result<Self> {
        let wrong = |reason: String| Error::Data {
            origin: origin.to_owned(),
            line: None,
            reason,
        };
        let mut warnings = Vec::new();
        let text = decode(bytes, &mut warnings).map_err(wrong)?;
        if text.trim().is_empty() {
            return Err(wrong(
                "nothing but white space; give the text of a job ad".to_owned(),
            ));
        }
        let postings = structured_postings(&text).map_err(wrong)?;
        if postings.len() > 1 {
            warnings.push(format!(
                "{} postings found, the first is shown; `rolecall label` takes them all",
                postings.len()
            ));
        }
        if let Some((title, description)) = postings.into_iter().next() {
            if title.is_none() && description.trim().is_empty() {
                return Err(wrong(
                    "a JobPosting without title and description".to_owned(),
                ));
            }
            return Ok(Self {
                title,
                description,
                offset: 0,
                warnings,
            });
        }
        if several_ads(&text) {
            warnings.push(
                "this looks like several ads in one; they are judged together, so give one at a time"
                    .to_owned(),
            );
        }
        let (title, offset) = first_line_title(&text);
        Ok(Self {
            title,
            description: text[offset..].to_owned(),
            offset,
            warnings,
        })
    }

    /// The ad as a posting.
    #[must_use]
    pub fn posting(&self) -> Posting<'_> {
        Posting {
            title: self.title.as_deref(),
            description: &self.description,
        }
    }
}

/// The title on the first line that a reader sees, and where the rest begins in the source.
fn first_line_title(source: &str) -> (Option<String>, usize) {
    let text = Text::new(source);
    let (title, rest) = title::split_title(text.as_str());
    let Some(title) = title else { return (None, 0) };
    let end = text.as_str().len() - rest.len();
    (Some(title.to_owned()), text.source_span(0..end).end)
}

/// More control and replacement characters than this share are no text.
const MOST_NOISE: f64 = 0.02;

fn is_noise(c: char) -> bool {
    c == '\u{fffd}' || (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

/// Whether a text is bytes that only happened to decode.
fn is_binary(text: &str) -> bool {
    let noise = text.chars().filter(|c| is_noise(*c)).count();
    text.contains('\0') || noise as f64 > MOST_NOISE * text.chars().count() as f64 && noise > 3
}

/// Bytes to text: UTF-8, or UTF-16 with its mark.
fn decode(bytes: &[u8], warnings: &mut Vec<String>) -> std::result::Result<String, String> {
    if let Some((_, what)) = BINARY.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(format!("this is {what}"));
    }
    if let Some(units) = utf16_units(bytes) {
        let text = String::from_utf16_lossy(&units);
        return if is_binary(&text) {
            Err(NO_TEXT.to_owned())
        } else {
            Ok(text)
        };
    }
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        return Err(format!("byte {at} is NUL, so {NO_TEXT}"));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) if is_binary(text) => Err(NO_TEXT.to_owned()),
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            warnings.push(format!(
                "byte {at} (0x{:02X}) is not UTF-8; undecodable bytes are shown as \u{fffd}",
                bytes[at]
            ));
            let text = String::from_utf8_lossy(bytes).into_owned();
            if is_binary(&text) {
                Err(NO_TEXT.to_owned())
            } else {
                Ok(text)
            }
        }
    }
}

fn utf16_units(bytes: &[u8]) -> Option<Vec<u16>> {
    let read: fn([u8; 2]) -> u16 = match bytes {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return None,
    };
    Some(
        bytes[2..]
            .chunks_exact(2)
            .map(|pair| read([pair[0], pair[1]]))
            .collect(),
    )
}

type TitleAndText = (Option<String>, String);

/// The postings of a JSON document, or of the JSON-LD in a web page.
fn structured_postings(text: &str) -> std::result::Result<Vec<TitleAndText>, String> {
    let trimmed = text.trim_start();
    let mut postings = Vec::new();
    if looks_like_json(trimmed) {
        let value = parse_leniently(trimmed).map_err(|e| {
            format!("this looks like JSON but does not parse ({e}); give the ad's text or a complete JobPosting")
        })?;
        collect_postings(&value, &mut postings);
        if postings.is_empty() {
            return Err("this is JSON without a schema.org JobPosting; \
                        give the ad's text, or use `rolecall label` for files of postings"
                .to_owned());
        }
    } else if trimmed.starts_with('<') || text.contains("application/ld+json") {
        for script in json_ld_scripts(text) {
            if let Ok(value) = parse_leniently(&script) {
                collect_postings(&value, &mut postings);
            }
        }
    }
    Ok(postings)
}

/// `{"…` or `[{`, as opposed to prose that begins with a bracket.
fn looks_like_json(text: &str) -> bool {
    let mut signs = text.chars().filter(|c| !c.is_whitespace());
    matches!(
        (signs.next(), signs.next()),
        (Some('{'), Some('"' | '}')) | (Some('['), Some('{' | ']'))
    )
}

fn collect_postings(value: &Value, postings: &mut Vec<TitleAndText>) {
    match value {
        Value::Array(values) => values.iter().for_each(|v| collect_postings(v, postings)),
        Value::Object(fields) => {
            if is_job_posting(value) {
                let text = |name: &str| fields.get(name).map(strings).unwrap_or_default();
                let parts: Vec<&str> = DESCRIPTION_FIELDS
                    .iter()
                    .flat_map(|field| text(field))
                    .collect();
                let title = text("title").join(" ");
                let title = Text::new(&title).as_str().trim().to_owned();
                postings.push((Some(title).filter(|t| !t.is_empty()), parts.join("\n")));
            } else {
                fields.values().for_each(|v| collect_postings(v, postings));
            }
        }
        _ => {}
    }
}

/// A string, or the strings of an array.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

fn is_job_posting(value: &Value) -> bool {
    let named = |v: &Value| {
        v.as_str()
            .is_some_and(|t| t.rsplit(['/', ':']).next() == Some("JobPosting"))
    };
    match &value["@type"] {
        Value::Array(types) => types.iter().any(named),
        one => named(one),
    }
}

/// JSON as web pages hold it: line breaks stand raw in its strings, and it may be wrapped
/// in CDATA. Outside strings the spaces put for them mean nothing.
fn parse_leniently(script: &str) -> serde_json::Result<Value> {
    let script = script.trim();
    let script = script
        .trim_start_matches("//")
        .trim_start()
        .strip_prefix("<![CDATA[")
        .unwrap_or(script);
    let script = script
        .strip_suffix("]]>")
        .map_or(script, |script| script.trim_end().trim_end_matches("//"));
    serde_json::from_str(&script.replace(|c: char| c.is_control(), " "))
}

/// `application/ld+json`, with or without parameters.
fn is_json_ld(media_type: &[u8]) -> bool {
    let essence = media_type.split(|b| *b == b';').next().unwrap_or_default();
    essence
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/ld+json")
}

/// The contents of `<script type="application/ld+json">`.
fn json_ld_scripts(page: &str) -> Vec<String> {
    let mut emitter = html5gum::emitters::default::DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut scripts: Vec<String> = Vec::new();
    let mut inside = false;
    for token in html5gum::Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Html::StartTag(tag) if &tag.name[..] == b"script" => {
                let kind = tag.attributes.get(&b"type"[..]);
                inside = kind.is_some_and(|k| is_json_ld(&k.value));
                if inside {
                    scripts.push(String::new());
                }
            }
            Html::EndTag(tag) if &tag.name[..] == b"script" => inside = false,
            Html::String(text) if inside => {
                if let Some(script) = scripts.last_mut() {
                    script.push_str(&String::from_utf8_lossy(&text.value));
                }
            }
            _ => {}
        }
    }
    scripts
}

/// Whether a text seems to hold more than one ad: several lines that look like a title, each
/// alone between blank lines and with an ad's worth of text behind it.
fn several_ads(text: &str) -> bool {
    const LEAST: usize = 1000;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut behind = LEAST;
    let mut titles = 0;
    for (at, line) in lines.iter().enumerate() {
        let is_blank = |at: usize| lines.get(at).is_none_or(|line| line.is_empty());
        let stands_alone = (at == 0 || is_blank(at - 1)) && is_blank(at + 1);
        if behind >= LEAST && stands_alone && title::is_title(line) {
            titles += 1;
            behind = 0;
        }
        behind += line.len();
    }
    titles > 1 && behind >= LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, title: Option<&str>, description: &str) {
        let ad = Ad::read(input.as_bytes(), "test").unwrap();
        assert_eq!(
            (ad.title.as_deref(), ad.description.trim()),
            (title, description)
        );
        assert_eq!(ad.warnings, Vec::<String>::new());
    }

    #[test]
    fn postings_are_recognised_by_content() {
        let posting = r#"{"@context":"https://schema.org","@type":"JobPosting","title":"Data Engineer",
            "description":"<p>Pipes</p>","skills":"SQL"}"#;
        check(posting, Some("Data Engineer"), "<p>Pipes</p>\nSQL");
        check(
            &format!("[{posting}]"),
            Some("Data Engineer"),
            "<p>Pipes</p>\nSQL",
        );
        check(
            &format!(r#"{{"@graph":[{{"@type":"Thing"}},{posting}]}}"#),
            Some("Data Engineer"),
            "<p>Pipes</p>\nSQL",
        );
        let page = format!(
            r#"<!doctype html><html><head><script type="application/ld+json">{posting}</script></head><body>x</body></html>"#
        );
        check(&page, Some("Data Engineer"), "<p>Pipes</p>\nSQL");
        check(
            "ML Engineer\n\nYou rank things",
            Some("ML Engineer"),
            "You rank things",
        );
        check("You rank things", None, "You rank things");
        check("[Remote] You rank things", None, "[Remote] You rank things");
    }

    #[track_caller]
    fn check_refused(input: &[u8], reason: &str) {
        let message = Ad::read(input, "ad.txt").unwrap_err().to_string();
        assert_eq!(message, format!("`ad.txt`: {reason}"));
    }

    #[test]
    fn what_is_no_ad_is_refused() {
        check_refused(b"", "nothing but white space; give the text of a job ad");
        check_refused(
            b" \n\t",
            "nothing but white space; give the text of a job ad",
        );
        check_refused(
            b"%PDF-1.7 ...",
            "this is a PDF; copy its text and paste that",
        );
        check_refused(
            b"abc\0def",
            "byte 3 is NUL, so this is no text, or text in an unusual encoding; give the ad as UTF-8 text or HTML",
        );
        check_refused(
            b"{\"a\": 1}",
            "this is JSON without a schema.org JobPosting; give the ad's text, or use `rolecall label` for files of postings",
        );
    }

    #[test]
    fn doubtful_input_is_read_with_a_warning() {
        let ad = Ad::read(b"caf\xE9 manager wanted", "x").unwrap();
        assert_eq!(ad.description, "caf\u{fffd} manager wanted");
        assert_eq!(
            ad.warnings,
            ["byte 3 (0xE9) is not UTF-8; undecodable bytes are shown as \u{fffd}"]
        );
        let body = "We build things with care and pay well for it. ".repeat(25);
        let two = format!("Data Scientist\n\n{body}\n\nStaff Nurse\n\n{body}");
        assert_eq!(Ad::read(two.as_bytes(), "x").unwrap().warnings.len(), 1);
    }

    #[test]
    fn utf_16_is_read_by_its_mark() {
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes = |text: &str| -> Vec<u8> {
                let units = text.encode_utf16();
                units.flat_map(to_bytes).collect()
            };
            let ad = Ad::read(&bytes("\u{feff}Naïve Bayes"), "x").unwrap();
            assert_eq!(ad.description, "Naïve Bayes");
            check_refused(&bytes("\u{feff}a\0b"), NO_TEXT);
        }
    }

    #[test]
    fn a_posting_is_found_however_it_is_wrapped() {
        let graph = r#"{"@graph":[{"@type":["Thing","schema:JobPosting"],"title":["ML","Engineer"],
            "description":["Rank","and test"],"skills":7},{"@type":"JobPosting","title":"Nurse"}]}"#;
        let page = format!(
            "<html><script type='application/ld+json'>{{broken</script>\
             <script type='Application/LD+JSON; charset=utf-8'>//<![CDATA[\n{graph}\n//]]></script>\
             <script>let x;</script></html>"
        );
        for input in [graph, &page] {
            let ad = Ad::read(input.as_bytes(), "x").unwrap();
            assert_eq!(ad.title.as_deref(), Some("ML Engineer"));
            assert_eq!(ad.description, "Rank\nand test");
            assert_eq!(
                ad.warnings,
                ["2 postings found, the first is shown; `rolecall label` takes them all"]
            );
        }
        check_refused(
            br#"{"@type":"JobPosting"}"#,
            "a JobPosting without title and description",
        );
    }
}
