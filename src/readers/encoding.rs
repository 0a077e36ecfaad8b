//! Character encodings: found out from the first bytes, turned into UTF-8 as the file is
//! read.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How a text is encoded, and how that was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    encoding: &'static Encoding,
    bom: bool,
}

impl Charset {
    /// Detects the encoding from the first bytes of a text: a byte order mark, the zero
    /// bytes of UTF-16, UTF-8 where it is valid, and else what `chardetng` makes of it.
    #[must_use]
    pub fn detect(head: &[u8]) -> Self {
        if let Some((encoding, _)) = Encoding::for_bom(head) {
            return Self {
                encoding,
                bom: true,
            };
        }
        let encoding = utf16(head).unwrap_or_else(|| {
            if is_utf8(head) {
                return UTF_8;
            }
            let mut detector =
                chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
            detector.feed(head, false);
            detector.guess(None, chardetng::Utf8Detection::Allow)
        });
        Self {
            encoding,
            bom: false,
        }
    }

    /// Plain UTF-8, as streams are that answer line by line.
    #[must_use]
    pub fn utf8() -> Self {
        Self {
            encoding: UTF_8,
            bom: false,
        }
    }

    /// The encoding of a given name, such as `utf-16le` or `latin1`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Encoding::for_label(name.as_bytes()).map(|encoding| Self {
            encoding,
            bom: false,
        })
    }

    /// Whether the bytes can be used as they are.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self.encoding == UTF_8
    }

    /// The name in messages.
    #[must_use]
    pub fn describe(self) -> String {
        let mark = if self.bom {
            " with a byte order mark"
        } else {
            ""
        };
        format!("{}{mark}", self.encoding.name())
    }

    /// The same text as UTF-8, without a byte order mark. UTF-8 itself is not checked
    /// here: a row that is not valid is the reader's business.
    #[must_use]
    pub fn decoder(self, raw: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.is_utf8() {
            return Box::new(WithoutMark {
                raw,
                started: false,
            });
        }
        Box::new(Transcoded {
            raw,
            decoder: self.encoding.new_decoder(),
            input: Vec::new(),
            output: Vec::new(),
            given: 0,
            at_end: false,
        })
    }
}

/// Valid UTF-8, up to a character cut off by the end of the sample, or with a few bad
/// bytes among many good characters: then those rows are bad and not the whole file.
fn is_utf8(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(e) if e.error_len().is_none() => true,
        Err(_) => {
            let (mut good, mut bad) = (0, 0);
            for chunk in head.utf8_chunks() {
                good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
                bad += usize::from(!chunk.invalid().is_empty());
            }
            good > 2 * bad
        }
    }
}

/// UTF-16 without a mark: in text of mostly Latin letters every other byte is zero.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    let zeros = |offset: usize| {
        head.iter()
            .skip(offset)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let most = |n: usize| pairs >= 2 && n * 10 >= pairs * 6;
    match (most(even), most(odd)) {
        (false, true) if even * 10 <= pairs => Some(UTF_16LE),
        (true, false) if odd * 10 <= pairs => Some(UTF_16BE),
        _ => None,
    }
}

/// UTF-8 with its byte order mark taken off.
struct WithoutMark {
    raw: Box<dyn Read + Send>,
    started: bool,
}

impl Read for WithoutMark {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.started || buffer.len() < 3 {
            return self.raw.read(buffer);
        }
        let mut filled = 0;
        while filled < 3 {
            let n = self.raw.read(&mut buffer[filled..])?;
            filled += n;
            if n == 0 || buffer[0] != 0xef {
                break;
            }
        }
        self.started = true;
        if buffer[..filled].starts_with(b"\xef\xbb\xbf") {
            if filled == 3 {
                return self.raw.read(buffer);
            }
            buffer.copy_within(3..filled, 0);
            filled -= 3;
        }
        Ok(filled)
    }
}

/// Bytes in and out per step of decoding.
const STEP: usize = 64 << 10;

struct Transcoded {
    raw: Box<dyn Read + Send>,
    decoder: Decoder,
    input: Vec<u8>,
    output: Vec<u8>,
    given: usize,
    at_end: bool,
}

impl Transcoded {
    fn refill(&mut self) -> io::Result<()> {
        while self.given == self.output.len() && !self.at_end {
            self.input.resize(STEP, 0);
            let n = self.raw.read(&mut self.input)?;
            self.at_end = n == 0;
            let capacity = self
                .decoder
                .max_utf8_buffer_length(n)
                .ok_or_else(|| io::Error::other("text too long"))?;
            self.output.resize(capacity, 0);
            let (_, _, written, _) =
                self.decoder
                    .decode_to_utf8(&self.input[..n], &mut self.output, self.at_end);
            self.output.truncate(written);
            self.given = 0;
        }
        Ok(())
    }
}

impl Read for Transcoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.refill()?;
        let n = buffer.len().min(self.output.len() - self.given);
        buffer[..n].copy_from_slice(&self.output[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "title,description\nDéveloppeur,\"modèles prédictifs – déployés à Lyon, “prêts”\"\n";

    fn utf16_bytes(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[track_caller]
    fn check(bytes: &[u8], description: &str) {
        let charset = Charset::detect(bytes);
        assert_eq!(charset.describe(), description);
        let mut text = String::new();
        let raw = Box::new(io::Cursor::new(bytes.to_vec()));
        charset.decoder(raw).read_to_string(&mut text).unwrap();
        assert_eq!(text, TEXT);
    }

    #[test]
    fn encodings_are_told_apart_and_decoded() {
        check(TEXT.as_bytes(), "UTF-8");
        check(
            &[b"\xef\xbb\xbf", TEXT.as_bytes()].concat(),
            "UTF-8 with a byte order mark",
        );
        let little = utf16_bytes(TEXT, u16::to_le_bytes);
        let big = utf16_bytes(TEXT, u16::to_be_bytes);
        check(&little, "UTF-16LE");
        check(&big, "UTF-16BE");
        check(
            &[b"\xff\xfe", &little[..]].concat(),
            "UTF-16LE with a byte order mark",
        );
        check(
            &[b"\xfe\xff", &big[..]].concat(),
            "UTF-16BE with a byte order mark",
        );
        let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(TEXT);
        check(&windows, "windows-1252");
    }

    #[test]
    fn a_long_text_is_decoded_piece_by_piece() {
        let long = "é€😀,x\n".repeat(100_000);
        let bytes = utf16_bytes(&long, u16::to_le_bytes);
        let mut text = String::new();
        let charset = Charset::by_name("utf-16le").unwrap();
        let raw = Box::new(io::Cursor::new(bytes));
        charset.decoder(raw).read_to_string(&mut text).unwrap();
        assert_eq!(text, long);
    }
}
