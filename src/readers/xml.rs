//! XML feeds of jobs, as Indeed takes them: each `<job>` becomes one JSON object.

use std::io::{self, BufRead, BufReader, Read};

use memchr::memchr_iter;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

use super::chunks::{CHUNK, Chunk, Extent, Position};
use super::limits::{Limits, size};

/// Elements that stand for one posting.
const POSTINGS: [&str; 4] = ["job", "item", "position", "vacancy"];

/// Why a feed could not be read on.
#[derive(Debug)]
pub struct Broken {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, unless reading itself failed.
    pub reason: String,
    /// The failure of reading.
    pub io: Option<io::Error>,
}

/// Reads the jobs of a feed, one after the other.
pub struct Jobs {
    xml: quick_xml::Reader<Guard>,
    event: Vec<u8>,
    position: Position,
    failed: Option<Broken>,
    /// Open elements outside of any job.
    outside: usize,
    limits: Limits,
}

/// Bounds what one piece of markup or text may hold.
struct Guard {
    inner: BufReader<Box<dyn Read + Send>>,
    left: usize,
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl BufRead for Guard {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(TOO_LARGE));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.left = self.left.saturating_sub(n);
        self.inner.consume(n);
    }
}

const TOO_LARGE: &str = "too large";

/// An element on its way to becoming a JSON value.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Jobs {
    /// A feed without jobs.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Box::new(io::empty()), Limits::default())
    }

    /// Reads a feed from UTF-8 text.
    #[must_use]
    pub fn new(text: Box<dyn Read + Send>, limits: Limits) -> Self {
        let inner = BufReader::with_capacity(64 << 10, text);
        let guard = Guard { inner, left: 0 };
        Self {
            xml: quick_xml::Reader::from_reader(guard),
            event: Vec::new(),
            position: Position::START,
            failed: None,
            outside: 0,
            limits,
        }
    }

    /// Reads jobs until a chunk is full; false at the end.
    ///
    /// # Errors
    /// [`Broken`], after all jobs before have been given out.
    pub fn next_into(&mut self, chunk: &mut Chunk) -> Result<bool, Broken> {
        chunk.bytes.clear();
        chunk.records.clear();
        chunk.extent = Extent::Whole;
        chunk.start = Some(self.position);
        while chunk.bytes.len() < CHUNK && self.failed.is_none() {
            match self.job() {
                Ok(Some(job)) => {
                    let start = chunk.bytes.len();
                    chunk.bytes.extend_from_slice(job.to_string().as_bytes());
                    chunk.records.push(start..chunk.bytes.len());
                    chunk.bytes.push(b'\n');
                    self.position.row += 1;
                }
                Ok(None) => break,
                Err(broken) => self.failed = Some(broken),
            }
        }
        chunk.end = Some(self.position);
        if chunk.records.is_empty() {
            return self.failed.take().map_or(Ok(false), Err);
        }
        Ok(true)
    }

    fn job(&mut self) -> Result<Option<Value>, Broken> {
        let mut open: Vec<Open> = Vec::new();
        let mut length = 0;
        loop {
            self.event.clear();
            self.xml.get_mut().left = self.limits.row;
            let event = self.xml.read_event_into(&mut self.event);
            let event = match event {
                Ok(event) => event.into_owned(),
                Err(error) => return Err(self.broken(&error)),
            };
            self.position.byte = self.xml.buffer_position();
            self.position.line += memchr_iter(b'\n', event.as_bytes()).count() as u64;
            length += event.len();
            let here = |reason: &str| Broken {
                line: self.position.line,
                reason: reason.to_owned(),
                io: None,
            };
            if !open.is_empty() && length > self.limits.row {
                let limit = size(self.limits.row as u64);
                return Err(here(&format!("one job has more than {limit} (--max-row)")));
            }
            match event {
                Event::Start(tag) if !open.is_empty() || is_posting(&tag) => {
                    if open.len() == self.limits.nesting {
                        return Err(here(&format!(
                            "elements are nested more than {} deep (--max-nesting)",
                            self.limits.nesting
                        )));
                    }
                    if open.is_empty() {
                        length = 0;
                    }
                    open.push(begun(&tag));
                }
                Event::Start(_) => self.outside += 1,
                Event::Empty(tag) => {
                    let empty = begun(&tag);
                    match open.last_mut() {
                        Some(parent) => parent.add(empty),
                        None if is_posting(&tag) => return Ok(Some(empty.value())),
                        None => {}
                    }
                }
                Event::End(_) => match open.pop() {
                    None => self.outside = self.outside.saturating_sub(1),
                    Some(element) => match open.last_mut() {
                        Some(parent) => parent.add(element),
                        None => return Ok(Some(element.value())),
                    },
                },
                Event::Text(text) => add(&mut open, &text),
                Event::CData(text) => add(&mut open, &text),
                Event::GeneralRef(name) => add(&mut open, &resolved(&name)),
                Event::Eof if open.is_empty() && self.outside == 0 => return Ok(None),
                Event::Eof => {
                    return Err(here(&format!(
                        "the XML is cut off after {} whole jobs; fetch the file again",
                        self.position.row
                    )));
                }
                _ => {}
            }
        }
    }
}

impl Jobs {
    fn broken(&self, error: &quick_xml::Error) -> Broken {
        let (reason, io) = match error {
            quick_xml::Error::Io(e) if e.to_string() == TOO_LARGE => {
                let limit = size(self.limits.row as u64);
                let reason = format!("one element has more than {limit} (--max-row)");
                (reason, None)
            }
            quick_xml::Error::Io(e) => {
                (String::new(), Some(io::Error::new(e.kind(), e.to_string())))
            }
            quick_xml::Error::Encoding(_) => {
                let reason = "the XML is not valid UTF-8; name its encoding with --encoding";
                (reason.to_owned(), None)
            }
            other => (format!("the XML is broken: {other}"), None),
        };
        Broken {
            line: self.position.line,
            reason,
            io,
        }
    }
}

impl Open {
    fn add(&mut self, child: Self) {
        let name = child.name.clone();
        let value = child.value();
        match self.members.get_mut(&name) {
            None => {
                self.members.insert(name, value);
            }
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }

    fn value(mut self) -> Value {
        if self.members.is_empty() {
            return Value::String(self.text);
        }
        if !self.text.trim().is_empty() {
            self.members
                .insert("#text".to_owned(), Value::String(self.text));
        }
        Value::Object(self.members)
    }
}

fn is_posting(tag: &BytesStart) -> bool {
    POSTINGS.contains(&tag.local_name().as_ref())
}

fn begun(tag: &BytesStart) -> Open {
    let members = tag.attributes().flatten().map(|a| {
        let value = quick_xml::escape::unescape(&a.value).unwrap_or(a.value.clone());
        (
            format!("@{}", a.key.as_ref()),
            Value::String(value.into_owned()),
        )
    });
    Open {
        name: tag.name().as_ref().to_owned(),
        members: members.collect(),
        text: String::new(),
    }
}

fn add(open: &mut [Open], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// What an entity stands for; an unknown one stays as it is written.
fn resolved(name: &BytesRef) -> String {
    if let Ok(Some(character)) = name.resolve_char_ref() {
        return character.to_string();
    }
    quick_xml::escape::resolve_predefined_entity(name)
        .map_or_else(|| format!("&{};", &**name), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(text: &str) -> (Vec<String>, Option<String>) {
        let mut jobs = Jobs::new(
            Box::new(io::Cursor::new(text.as_bytes().to_vec())),
            Limits::default(),
        );
        let mut chunk = Chunk::default();
        let mut found = Vec::new();
        loop {
            match jobs.next_into(&mut chunk) {
                Ok(false) => return (found, None),
                Ok(true) => found.extend(
                    chunk
                        .records
                        .iter()
                        .map(|r| String::from_utf8(chunk.bytes[r.clone()].to_vec()).unwrap()),
                ),
                Err(broken) => return (found, Some(format!("{}: {}", broken.line, broken.reason))),
            }
        }
    }

    #[test]
    fn a_job_becomes_an_object() {
        let feed = "<?xml version=\"1.0\"?>\n<source><publisher>P</publisher>\n<job><title><![CDATA[ML <b>&amp;</b>]]></title>\
            <description>R&amp;D &#233; &lt;p&gt;</description><skill>a</skill><skill>b</skill><pay cur=\"EUR\">1</pay><x/></job></source>";
        let (found, error) = jobs(feed);
        assert_eq!(error, None);
        assert_eq!(
            found,
            [
                r##"{"title":"ML <b>&amp;</b>","description":"R&D é <p>","skill":["a","b"],"pay":{"@cur":"EUR","#text":"1"},"x":""}"##
            ]
        );
    }

    #[test]
    fn a_feed_that_is_cut_off_gives_its_whole_jobs_first() {
        let (found, error) = jobs("<source>\n<job><title>A</title></job>\n<job><title>B</ti");
        assert_eq!(found, [r#"{"title":"A"}"#]);
        assert!(error.unwrap().starts_with("3: "));
    }
}
