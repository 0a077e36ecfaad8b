//! JSON seen from outside: where values begin and end, without reading them.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;
use serde_json::Value;
use serde_json::value::RawValue;

/// Keys under which job boards keep their array of postings.
const ARRAYS: [&str; 6] = ["jobs", "@graph", "postings", "results", "items", "data"];

/// What stands next in an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A value.
    Value {
        /// Where it stands.
        range: Range<usize>,
        /// Where to look for the next one.
        next: usize,
    },
    /// The end of the array.
    Close {
        /// One past its `]`.
        next: usize,
    },
    /// The bytes end first.
    Unfinished {
        /// Where the unfinished value begins.
        start: usize,
    },
}

/// How deep inside a value a scan is. Iterative, so no depth of nesting hurts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// One past the end of the object or array that the bytes are a further part of.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                    at += 1;
                    continue;
                }
                at += memchr2(b'"', b'\\', &bytes[at..])?;
                self.in_string = bytes[at] != b'"';
                self.escaped = bytes[at] == b'\\';
            } else {
                match bytes[at] {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
            }
            at += 1;
        }
        None
    }
}

/// How deep arrays and objects stand in each other in a valid value.
#[must_use]
pub fn depth(json: &str) -> usize {
    let bytes = json.as_bytes();
    if !matches!(bytes.first(), Some(b'[' | b'{')) {
        return 0;
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The next value of an array, or of values that follow one another.
#[must_use]
pub fn element(bytes: &[u8], at: usize, at_end: bool) -> Element {
    let filler = |b: &u8| b.is_ascii_whitespace() || *b == b',' || *b == 0x1e;
    let skipped = bytes[at..].iter().take_while(|b| filler(b)).count();
    let start = at + skipped;
    let end = match bytes.get(start) {
        None => None,
        Some(b']') => return Element::Close { next: start + 1 },
        Some(b'{' | b'[') => Nesting::default().end(&bytes[start..]),
        Some(b'"') => {
            // A string is a value of depth 0: let it close a pretended array.
            let mut at = start + 1;
            loop {
                match bytes.get(at..).and_then(|b| memchr2(b'"', b'\\', b)) {
                    None => break None,
                    Some(n) if bytes[at + n] == b'"' => break Some(at + n + 1 - start),
                    Some(n) => at += n + 2,
                }
            }
        }
        Some(_) => {
            let ends = |b: &u8| filler(b) || matches!(b, b']' | b'}');
            let length = bytes[start..].iter().position(ends);
            length
                .or(at_end.then_some(bytes.len() - start))
                .map(|n| n.max(1))
        }
    };
    match end {
        Some(length) => Element::Value {
            range: start..start + length,
            next: start + length,
        },
        None => Element::Unfinished { start },
    }
}

/// Where the array of postings in an object begins: its key and the byte after its `[`.
#[must_use]
pub fn find_array(head: &[u8]) -> Option<(&'static str, usize)> {
    let blank = |at: usize| {
        at + head[at..]
            .iter()
            .take_while(|b| b.is_ascii_whitespace())
            .count()
    };
    let mut at = blank(0);
    if head.get(at) != Some(&b'{') {
        return None;
    }
    at += 1;
    loop {
        let Element::Value { range, next } = element(head, at, false) else {
            return None;
        };
        let key = head.get(range.start + 1..range.end - 1)?;
        at = blank(next);
        if head.get(at) != Some(&b':') {
            return None;
        }
        at = blank(at + 1);
        let array = ARRAYS.iter().find(|name| name.as_bytes() == key);
        if let (Some(name), Some(b'[')) = (array, head.get(at)) {
            return Some((name, at + 1));
        }
        let Element::Value { next, .. } = element(head, at, false) else {
            return None;
        };
        at = next;
    }
}

/// The members of an object, in order, their values untouched.
pub type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Reads the members of one object.
///
/// # Errors
/// What is wrong with the text, or that it is no object.
pub fn members(text: &str) -> Result<Members<'_>, String> {
    struct Object;
    impl<'de> serde::de::Visitor<'de> for Object {
        type Value = Members<'de>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(16);
            while let Some(Key(key)) = map.next_key()? {
                members.push((key, map.next_value()?));
            }
            Ok(members)
        }
    }
    struct Key<'a>(Cow<'a, str>);
    impl<'de> serde::Deserialize<'de> for Key<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            struct Text;
            impl<'de> serde::de::Visitor<'de> for Text {
                type Value = Cow<'de, str>;
                fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                    f.write_str("a key")
                }
                fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Self::Value, E> {
                    Ok(Cow::Borrowed(s))
                }
                fn visit_str<E>(self, s: &str) -> Result<Self::Value, E> {
                    Ok(Cow::Owned(s.to_owned()))
                }
            }
            d.deserialize_str(Text).map(Key)
        }
    }
    use serde::Deserializer;
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json
        .deserialize_map(Object)
        .and_then(|m| json.end().map(|()| m));
    members.map_err(|e| reason(&e, text))
}

/// A serde_json error in our words: the column where it stands, without its "line 1".
fn reason(error: &serde_json::Error, text: &str) -> String {
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or(&full);
    let what = if error.is_eof() {
        "the JSON is cut off".to_owned()
    } else if what.starts_with("invalid type") {
        format!("not a JSON object but {}", kind(text))
    } else {
        format!("not JSON ({what})")
    };
    if error.is_data() || error.column() == 0 {
        what
    } else {
        format!("{what} at column {}", error.column())
    }
}

fn kind(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A value as text: a string as it reads, null as nothing, anything else as JSON.
///
/// # Errors
/// A string with an escape that does not exist.
pub fn text_of(raw: &RawValue) -> Result<Cow<'_, str>, String> {
    let json = raw.get();
    match json.as_bytes().first() {
        Some(b'"') if !json.contains('\\') => Ok(Cow::Borrowed(&json[1..json.len() - 1])),
        Some(b'"') => serde_json::from_str::<String>(json)
            .map(Cow::Owned)
            .map_err(|e| reason(&e, json)),
        Some(b'n') => Ok(Cow::Borrowed("")),
        _ => Ok(Cow::Borrowed(json)),
    }
}

/// Appends what `path` leads to, in a value, as text. An array on the way stands for all
/// its elements; strings of several are joined by blank lines.
///
/// # Errors
/// A value that is nested too deep to be read.
pub fn follow(raw: &RawValue, path: &[String], into: &mut String) -> Result<(), String> {
    if path.is_empty() && !raw.get().starts_with(['[', '{']) {
        add(&text_of(raw)?, into);
        return Ok(());
    }
    let value: Value = serde_json::from_str(raw.get()).map_err(|e| {
        if e.to_string().starts_with("recursion limit") {
            "a value is nested more than 128 deep".to_owned()
        } else {
            reason(&e, raw.get())
        }
    })?;
    descend(&value, path, into);
    Ok(())
}

fn descend(value: &Value, path: &[String], into: &mut String) {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter().for_each(|e| descend(e, path, into)),
        (Value::Object(object), [key, rest @ ..]) => {
            if let Some(inner) = object.get(key) {
                descend(inner, rest, into);
            }
        }
        (Value::String(text), []) => add(text, into),
        (Value::Null, []) => {}
        (other, []) => add(&other.to_string(), into),
        _ => {}
    }
}

/// Joins texts by blank lines.
pub fn add(text: &str, into: &mut String) {
    if !into.is_empty() && !text.is_empty() {
        into.push_str("\n\n");
    }
    into.push_str(text);
}

/// Writes a JSON value without the white space between its parts, so that it fits on one
/// line; strings and numbers stay as they were written.
pub fn compact(json: &str, out: &mut Vec<u8>) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at;
                at += 1;
                while let Some(n) = bytes.get(at..).and_then(|b| memchr2(b'"', b'\\', b)) {
                    at += n + 1;
                    if bytes[at - 1] == b'"' {
                        break;
                    }
                    at += 1;
                }
                out.extend_from_slice(&bytes[start..at.min(bytes.len())]);
                continue;
            }
            byte if byte.is_ascii_whitespace() => {}
            byte => out.push(byte),
        }
        at += 1;
    }
}

/// Writes a JSON string, quotes and all.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Writes the inside of a JSON string.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..0x20 => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        if short.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(short);
        }
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> Vec<&str> {
        let mut at = 0;
        let mut found = Vec::new();
        while let Element::Value { range, next } = element(text.as_bytes(), at, true) {
            found.push(&text[range]);
            at = next;
        }
        found
    }

    #[test]
    fn elements_end_where_their_brackets_close() {
        assert_eq!(
            elements(r#" {"a":"]}\""} , [1,[2]] ,"x,\"]", 12 ,null] {"after":1}"#),
            [r#"{"a":"]}\""}"#, "[1,[2]]", r#""x,\"]""#, "12", "null"]
        );
        assert_eq!(
            element(b" {\"a\":", 0, true),
            Element::Unfinished { start: 1 }
        );
    }

    #[test]
    fn the_array_of_postings_is_found_behind_other_members() {
        let text = br#"{"meta":{"jobs":[1]}, "total" : 3, "jobs" : [ {"title":"x"} ]}"#;
        let (name, at) = find_array(text).unwrap();
        assert_eq!((name, &text[at..at + 3]), ("jobs", &b" {\""[..]));
        assert_eq!(find_array(br#"{"title":"x","skills":[1]}"#), None);
    }

    #[test]
    fn white_space_goes_and_values_stay() {
        let mut out = Vec::new();
        compact("{ \"a b\" :\n [ 1.50, \"x \\\" y\" , 1e400 ] }", &mut out);
        assert_eq!(out, br#"{"a b":[1.50,"x \" y",1e400]}"#);
    }

    #[test]
    fn a_path_joins_what_it_meets() {
        let lists = r#"[{"text":"A","content":"<li>one</li>"},{"content":"two"}]"#;
        let raw: &RawValue = serde_json::from_str(lists).unwrap();
        let mut text = String::new();
        follow(raw, &["content".to_owned()], &mut text).unwrap();
        assert_eq!(text, "<li>one</li>\n\ntwo");
    }

    #[track_caller]
    fn check_reason(text: &str, expected: &str) {
        assert_eq!(members(text).unwrap_err(), expected);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        check_reason(r#"{"a": "b"#, "the JSON is cut off at column 8");
        check_reason("[1,2]", "not a JSON object but an array");
        check_reason("hello", "not JSON (expected value) at column 1");
        check_reason(r#"{"a":1} x"#, "not JSON (trailing characters) at column 9");
    }
}
