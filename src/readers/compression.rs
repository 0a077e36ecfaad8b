//! Compressed streams, recognised by their first bytes and never by a name.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::limits::{Limits, size};

/// How many bytes [`Compression::of`] looks at.
pub const MAGIC_LEN: usize = 6;

/// A way of compressing a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not compressed.
    #[default]
    None,
    /// gzip, also of several members.
    Gzip,
    /// Zstandard, also of several frames.
    Zstd,
    /// bzip2, also of several streams.
    Bzip2,
    /// xz, also of several streams.
    Xz,
}

impl Compression {
    /// Recognises a compression by the first bytes of a file.
    #[must_use]
    pub fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    /// The compression that a file's extension asks for.
    #[must_use]
    pub fn by_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            "bz2" => Some(Self::Bzip2),
            "xz" => Some(Self::Xz),
            _ => None,
        }
    }

    /// The name in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// Unpacks a stream as it is read, within the memory that `limits` give a decoder.
    ///
    /// # Errors
    /// When the decoder cannot be set up.
    pub fn decoder<R: Read + Send + 'static>(
        self,
        packed: R,
        limits: &Limits,
    ) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::None => Box::new(packed),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(packed)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(packed)?;
                decoder.window_log_max(limits.zstd_window_log())?;
                Box::new(decoder)
            }
            Self::Xz => {
                let concatenated = liblzma::stream::CONCATENATED;
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(limits.decoder, concatenated)
                        .map_err(io::Error::from)?;
                Box::new(liblzma::read::XzDecoder::new_stream(packed, stream))
            }
        })
    }

    /// Packs one block as a member of its own: members written one after the other form
    /// one valid file in each of these formats, which lets threads pack independently
    /// and an interrupted file go on after any block.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn pack(self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(block.to_vec()),
            Self::Gzip => {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(block, zstd::DEFAULT_COMPRESSION_LEVEL),
            Self::Bzip2 => {
                let level = bzip2::Compression::default();
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
                encoder.write_all(block)?;
                encoder.finish()
            }
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
                encoder.write_all(block)?;
                encoder.finish()
            }
        }
    }

    /// What an error of the decoder means to the person who gave the file.
    #[must_use]
    pub fn explain(self, error: &io::Error, limits: &Limits) -> String {
        let name = self.as_str();
        let text = error.to_string();
        match self {
            Self::None => text,
            _ if error.kind() == io::ErrorKind::UnexpectedEof => {
                format!("the {name} stream is cut off; fetch the file again")
            }
            Self::Zstd if text.contains("too much memory") => format!(
                "the zstd window is larger than {} (written with --long or --ultra); raise --max-memory, or unpack it first with `zstd -d --long=31`",
                size(1 << limits.zstd_window_log())
            ),
            Self::Xz if text.contains("memory") => format!(
                "the xz dictionary needs more than {} of memory (written with level 9); raise --max-memory, or unpack it first with `xz -d`",
                size(limits.decoder)
            ),
            _ => format!("the {name} stream is damaged ({text}); fetch the file again"),
        }
    }
}

/// Counts the bytes that pass, for a progress bar to look at from another thread.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Counted<R> {
    /// Counts what is read from `inner` into `count`.
    pub fn new(inner: R, count: Arc<AtomicU64>) -> Self {
        Self { inner, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 5] = [
        Compression::None,
        Compression::Gzip,
        Compression::Zstd,
        Compression::Bzip2,
        Compression::Xz,
    ];

    #[test]
    fn blocks_written_one_after_the_other_read_as_one_stream() {
        for compression in ALL {
            let mut file = compression.pack(b"first ").unwrap();
            assert_eq!(Compression::of(&file), compression);
            file.extend(compression.pack(b"second").unwrap());
            let mut text = String::new();
            let mut decoder = compression
                .decoder(io::Cursor::new(file), &Limits::default())
                .unwrap();
            decoder.read_to_string(&mut text).unwrap();
            assert_eq!(text, "first second");
        }
    }

    #[test]
    fn a_decoder_keeps_within_its_memory() {
        let limits = Limits {
            decoder: 1 << 20,
            ..Limits::default()
        };
        let text = b"some text ".repeat(400_000);
        for (compression, advice) in [
            (
                Compression::Zstd,
                "the zstd window is larger than 1 MB (written with --long or --ultra); raise --max-memory, or unpack it first with `zstd -d --long=31`",
            ),
            (
                Compression::Xz,
                "the xz dictionary needs more than 1 MB of memory (written with level 9); raise --max-memory, or unpack it first with `xz -d`",
            ),
        ] {
            let file = io::Cursor::new(compression.pack(&text).unwrap());
            let mut decoder = compression.decoder(file, &limits).unwrap();
            let error = decoder.read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(compression.explain(&error, &limits), advice);
        }
    }

    #[test]
    fn a_stream_cut_anywhere_is_an_error_and_says_so() {
        for compression in &ALL[1..] {
            let file = compression.pack(&b"some text ".repeat(500)).unwrap();
            for length in 7..file.len() {
                let cut = io::Cursor::new(file[..length].to_vec());
                let mut decoder = compression.decoder(cut, &Limits::default()).unwrap();
                let error = decoder.read_to_end(&mut Vec::new()).unwrap_err();
                let message = compression.explain(&error, &Limits::default());
                assert!(message.contains("fetch the file again"), "{message}");
            }
        }
    }
}
