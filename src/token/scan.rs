//! Where words begin and end, 64 bytes at a time.
//!
//! Each block of 64 bytes becomes a few 64-bit masks, one bit per byte, from which the
//! words follow by arithmetic. The masks of a block come from vector instructions where
//! the processor has them, from a table elsewhere; both give the same bits.

#![allow(
    clippy::inline_always,
    reason = "the scan is compiled twice, once for newer processors, and must be whole each time"
)]

use super::Token;

/// Bytes looked at together, one bit of a mask each.
const BLOCK: usize = 64;

/// The kinds of bytes in a block, one bit per byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Masks {
    /// ASCII letters and digits.
    word: u64,
    /// ASCII separators that always end a sentence, bullet or line.
    breaks: u64,
    /// Full stops, which end a sentence unless a word follows at once.
    dots: u64,
    /// `+` and `#`, which may belong to the letter before them.
    signs: u64,
    /// Bytes of characters beyond ASCII.
    wide: u64,
}

/// Appends the tokens of `text`, in order.
pub(super) fn scan(text: &str, tokens: &mut Vec<Token>) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_there() {
        return avx2::scan(text, tokens);
    }
    scan_with(text, tokens, table_masks);
}

/// The scan, given a way to find the masks of one block.
#[inline(always)]
fn scan_with(text: &str, tokens: &mut Vec<Token>, masks: impl Fn(&[u8; BLOCK]) -> Masks) {
    let bytes = text.as_bytes();
    let mut state = State {
        text,
        count: tokens.len(),
        // The first token stands behind a break.
        pending_break: true,
        in_word: false,
        after_dot: false,
        spilled: 0,
        spilled_word: 0,
    };
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    for (at, block) in (0..).step_by(BLOCK).zip(blocks) {
        state.block(at, masks(block), tokens);
    }
    if !tail.is_empty() {
        let mut block = [0; BLOCK];
        block[..tail.len()].copy_from_slice(tail);
        state.block(bytes.len() - tail.len(), masks(&block), tokens);
    }
    tokens.truncate(state.count);
}

/// What one block leaves to the next.
struct State<'a> {
    text: &'a str,
    /// Tokens found so far; the vector may be longer.
    count: usize,
    /// A sentence, bullet or line ended since the last token.
    pending_break: bool,
    /// The block before ended inside a token.
    in_word: bool,
    /// The block before ended with a full stop.
    after_dot: bool,
    /// Leading bytes of this block that end a character of the block before…
    spilled: u64,
    /// …and those of them that belong to a word.
    spilled_word: u64,
}

impl State<'_> {
    #[inline(always)]
    fn block(&mut self, base: usize, masks: Masks, tokens: &mut Vec<Token>) {
        let Masks {
            mut word,
            mut breaks,
            dots,
            signs,
            wide,
        } = masks;
        breaks |= dots & !(word >> 1 | self.word_follows(base, dots));
        if wide != 0 {
            self.wide(base, wide, &mut word, &mut breaks);
        }
        let before = word << 1 | u64::from(self.in_word);
        let starts = word & !before;
        let mut ends = before & !word;
        // A break anywhere between two words carries through the separators behind it
        // into the bit at which the next word starts.
        let (sum, carried) = (!word).overflowing_add(breaks);
        let (sum, carried_too) = sum.overflowing_add(u64::from(self.pending_break));
        self.pending_break = carried | carried_too;

        let special = (ends & signs) | (starts & (dots << 1 | u64::from(self.after_dot)));
        let (all_starts, all_ends) = (starts, ends);
        let unfinished = self.count - usize::from(self.in_word);
        if self.in_word {
            tokens[unfinished].end = offset(base + ends.trailing_zeros() as usize);
            ends &= ends.wrapping_sub(1);
        }
        let fresh = starts.count_ones() as usize;
        if tokens.len() < self.count + BLOCK {
            tokens.resize(self.count + 16 * BLOCK, Token::default());
        }
        let mut starts = starts;
        for token in &mut tokens[self.count..self.count + fresh] {
            let start = starts.trailing_zeros();
            // In an unfinished word this is the end of the block, for the time being.
            let end = ends.trailing_zeros();
            *token = Token {
                start: offset(base + start as usize),
                end: offset(base + end as usize),
                after_break: sum >> start & 1 == 1,
            };
            starts &= starts - 1;
            ends &= ends.wrapping_sub(1);
        }
        self.count += fresh;
        self.in_word = word >> 63 == 1;
        self.after_dot = dots >> 63 == 1;
        if special != 0 {
            let first = self.count - fresh;
            self.signs(base, all_ends & signs, all_ends, &mut tokens[unfinished..]);
            self.leading_dots(base, special & all_starts, all_starts, &mut tokens[first..]);
        }
    }

    /// Bit 63 if the block ends with a full stop and a word follows in the next one.
    #[inline(always)]
    fn word_follows(&self, base: usize, dots: u64) -> u64 {
        if dots >> 63 == 0 {
            return 0;
        }
        let next = self.text.as_bytes().get(base + BLOCK);
        u64::from(next.is_some_and(u8::is_ascii_alphanumeric)) << 63
    }

    /// Adds the words and breaks among characters beyond ASCII.
    #[inline(always)]
    fn wide(&mut self, base: usize, wide: u64, word: &mut u64, breaks: &mut u64) {
        *word |= self.spilled_word;
        let mut left = wide & !self.spilled;
        (self.spilled, self.spilled_word) = (0, 0);
        while left != 0 {
            let at = left.trailing_zeros();
            let (width, is_word, is_break) = wide_char(self.text, base + at as usize);
            let ones = (1 << width) - 1;
            let bits: u128 = ones << at;
            let (here, spilled) = (bits as u64, (bits >> BLOCK) as u64);
            if spilled != 0 {
                self.spilled = spilled;
            }
            if is_word {
                *word |= here;
                self.spilled_word = spilled;
            }
            *breaks |= u64::from(is_break) << at;
            left &= !here;
        }
    }

    /// Gives `c++` and `c#` their signs; `tokens` begins with the first that ends here.
    #[cold]
    fn signs(&self, base: usize, mut at_signs: u64, ends: u64, tokens: &mut [Token]) {
        let bytes = self.text.as_bytes();
        while at_signs != 0 {
            let at = at_signs.trailing_zeros();
            let nth = (ends & ((1 << at) - 1)).count_ones();
            let token = &mut tokens[nth as usize];
            let end = base + at as usize;
            token.end = offset(super::with_trailing_signs(bytes, token.start as usize, end));
            at_signs &= at_signs - 1;
        }
    }

    /// Gives `.net` its dot; `tokens` begins with the first that starts here.
    #[cold]
    fn leading_dots(&self, base: usize, mut dotted: u64, starts: u64, tokens: &mut [Token]) {
        let bytes = self.text.as_bytes();
        while dotted != 0 {
            let at = dotted.trailing_zeros();
            let start = base + at as usize;
            let is_net = bytes
                .get(start..start + 3)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"net"));
            if is_net && !starts_with_word(&self.text[start + 3..]) {
                let nth = (starts & ((1 << at) - 1)).count_ones();
                tokens[nth as usize].start = offset(start - 1);
            }
            dotted &= dotted - 1;
        }
    }
}

fn starts_with_word(text: &str) -> bool {
    text.chars().next().is_some_and(char::is_alphanumeric)
}

#[inline(always)]
fn offset(at: usize) -> u32 {
    // The caller has checked that the whole text is below 4 GiB.
    at as u32
}

/// Width in bytes, word or not, break or not, of the character beyond ASCII at `at`.
#[inline(always)]
fn wide_char(text: &str, at: usize) -> (u32, bool, bool) {
    let bytes = text.as_bytes();
    // Dashes, quotes and bullets, nine in ten of them: U+2000 to U+203F hold no word.
    if let Some(&[0xE2, 0x80, last]) = bytes.get(at..at + 3) {
        return (3, false, last == 0xA2);
    }
    let c = text[at..].chars().next().unwrap_or(' ');
    (
        c.len_utf8() as u32,
        c.is_alphanumeric(),
        super::is_break(bytes, at),
    )
}

/// The masks of one block, byte by byte.
fn table_masks(block: &[u8; BLOCK]) -> Masks {
    const WORD: u8 = 1;
    const BREAK: u8 = 2;
    const DOT: u8 = 4;
    const SIGN: u8 = 8;
    const WIDE: u8 = 16;
    const KINDS: [u8; 256] = {
        let mut kinds = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            kinds[byte] = match byte as u8 {
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => WORD,
                b'\n' | b'\r' | b';' | b'!' | b'?' | b'|' => BREAK,
                b'.' => DOT,
                b'+' | b'#' => SIGN,
                0x80.. => WIDE,
                _ => 0,
            };
            byte += 1;
        }
        kinds
    };
    let mut masks = Masks::default();
    for (at, byte) in block.iter().enumerate() {
        let kind = KINDS[*byte as usize];
        let bit = |of: u8| u64::from(kind & of != 0) << at;
        masks.word |= bit(WORD);
        masks.breaks |= bit(BREAK);
        masks.dots |= bit(DOT);
        masks.signs |= bit(SIGN);
        masks.wide |= bit(WIDE);
    }
    masks
}

/// The masks with AVX2. The tokeniser reads ads at 3.1 GB a second with them, and at 1.0 to
/// 1.3 with the table (one core of Zen 5), which is what the `unsafe` below is for.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
        _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi8, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_srli_epi16,
    };

    use super::{BLOCK, Masks, Token, scan_with};

    pub(super) fn is_there() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
    }

    /// Call it only where [`is_there`] says so.
    #[allow(unsafe_code)]
    pub(super) fn scan(text: &str, tokens: &mut Vec<Token>) {
        debug_assert!(is_there());
        // SAFETY: the caller has asked `is_there`.
        unsafe { scan_avx2(text, tokens) }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    fn scan_avx2(text: &str, tokens: &mut Vec<Token>) {
        scan_with(text, tokens, |block| masks(block));
    }

    /// Looks both halves of every byte up in a table of 16 kinds each; a byte is of the
    /// kinds that both tables give.
    ///
    /// | bit | high half | low half | bytes |
    /// |---|---|---|---|
    /// | 0 | 3 | 0–9 | digits |
    /// | 1 | 4, 6 | 1–F | A–O, a–o |
    /// | 2 | 5, 7 | 0–A | P–Z, p–z |
    /// | 3 | 0 | A, D | line ends |
    /// | 4 | 3 | B, F | `;` `?` |
    /// | 5 | 2 | 1 | `!` |
    /// | 6 | 7 | C | `\|` |
    /// | 7 | 2 | E | `.` |
    #[target_feature(enable = "avx2")]
    #[inline]
    fn masks(block: &[u8; BLOCK]) -> Masks {
        let (low, high) = (half(&block[..32]), half(&block[32..]));
        let join = |f: fn(&Half) -> u32| u64::from(f(&low)) | u64::from(f(&high)) << 32;
        Masks {
            word: !join(|h| h.not_word),
            breaks: !join(|h| h.not_break),
            dots: join(|h| h.dots),
            signs: join(|h| h.signs),
            wide: join(|h| h.wide),
        }
    }

    /// [`masks`] for the tests.
    #[cfg(test)]
    #[allow(unsafe_code)]
    pub(super) fn masks_of(block: &[u8; BLOCK]) -> Masks {
        assert!(is_there());
        // SAFETY: `is_there` was asked.
        unsafe { masks(block) }
    }

    struct Half {
        not_word: u32,
        not_break: u32,
        dots: u32,
        signs: u32,
        wide: u32,
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    #[allow(unsafe_code)]
    fn half(bytes: &[u8]) -> Half {
        assert!(bytes.len() == 32);
        // SAFETY: 32 bytes are there to be read, and the load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let by_low = both_lanes([
            0x05, 0x27, 7, 7, 7, 7, 7, 7, 7, 7, 0x0E, 0x12, 0x42, 0x0A, 0x82, 0x12,
        ]);
        let by_high = both_lanes([
            0x08, 0, 0xA0, 0x11, 0x02, 0x04, 0x02, 0x44, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        let high_halves = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0F));
        let kinds = _mm256_and_si256(
            _mm256_shuffle_epi8(by_low, bytes),
            _mm256_shuffle_epi8(by_high, high_halves),
        );
        let none_of = |these: i8| {
            let zero = _mm256_setzero_si256();
            bits(_mm256_cmpeq_epi8(
                _mm256_and_si256(kinds, _mm256_set1_epi8(these)),
                zero,
            ))
        };
        let signs = _mm256_or_si256(
            _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'+'.cast_signed())),
            _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'#'.cast_signed())),
        );
        Half {
            not_word: none_of(0x07),
            not_break: none_of(0x78),
            dots: bits(kinds),
            signs: bits(signs),
            wide: bits(bytes),
        }
    }

    /// The highest bit of every byte.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn bits(bytes: __m256i) -> u32 {
        _mm256_movemask_epi8(bytes).cast_unsigned()
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn both_lanes(table: [u8; 16]) -> __m256i {
        let t = table.map(u8::cast_signed);
        _mm256_setr_epi8(
            t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11], t[12], t[13],
            t[14], t[15], t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8], t[9], t[10], t[11],
            t[12], t[13], t[14], t[15],
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[track_caller]
    pub(crate) fn check_masks(block: &[u8; BLOCK]) {
        #[cfg(target_arch = "x86_64")]
        if avx2::is_there() {
            assert_eq!(avx2::masks_of(block), table_masks(block), "{block:?}");
        }
        let mut bytewise = Masks::default();
        for (at, byte) in block.iter().enumerate() {
            bytewise.word |= u64::from(byte.is_ascii_alphanumeric()) << at;
            bytewise.breaks |= u64::from(b"\n\r;!?|".contains(byte)) << at;
            bytewise.dots |= u64::from(*byte == b'.') << at;
            bytewise.signs |= u64::from(b"+#".contains(byte)) << at;
            bytewise.wide |= u64::from(!byte.is_ascii()) << at;
        }
        assert_eq!(table_masks(block), bytewise, "{block:?}");
    }

    #[test]
    fn both_scans_agree() {
        let text = include_str!("../../datasets/postings.csv");
        let (mut fast, mut plain) = (Vec::new(), Vec::new());
        scan(text, &mut fast);
        scan_with(text, &mut plain, table_masks);
        assert!(fast == plain && !plain.is_empty());
    }
}
