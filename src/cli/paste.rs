//! The prompt to paste an ad at.
//!
//! A terminal in line mode keeps at most 4,095 bytes of a line and silently drops the
//! rest, and pasted ads are often one long line. So line mode is switched off while
//! the prompt reads, and the few keys that it would have handled are handled here.

use std::io::{self, Write};

/// Ends the input, as it does in line mode.
const CTRL_D: u8 = 4;
const CTRL_C: u8 = 3;
const BACKSPACE: [u8; 2] = [8, 127];

/// Asks for an ad on standard error and reads it from the terminal, `limit` bytes at
/// most (and one more, to tell).
pub fn read(limit: u64) -> io::Result<Vec<u8>> {
    tell!("Paste a job ad, then press Enter and Ctrl-D to label it (Ctrl-C to leave).");
    io::stderr().flush()?;
    raw::read(limit)
}

/// Applies one key; true when the input is complete.
fn take(key: u8, text: &mut Vec<u8>) -> io::Result<bool> {
    match key {
        CTRL_D => return Ok(true),
        CTRL_C => {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "interrupted at the prompt",
            ));
        }
        b'\r' => text.push(b'\n'),
        key if BACKSPACE.contains(&key) => {
            while text.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
        }
        key => text.push(key),
    }
    Ok(false)
}

#[cfg(unix)]
mod raw {
    use std::io::{self, Read};

    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };

    /// Puts the terminal back when dropped.
    struct Restore(Termios);

    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        }
    }

    pub fn read(limit: u64) -> io::Result<Vec<u8>> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes
            .remove(LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let _restore = Restore(before);
        let mut text = Vec::new();
        let mut keys = [0; 4096];
        while text.len() as u64 <= limit {
            let n = io::stdin().read(&mut keys)?;
            for &key in &keys[..n] {
                if super::take(key, &mut text)? {
                    return Ok(text);
                }
            }
            if n == 0 {
                break;
            }
        }
        Ok(text)
    }
}

#[cfg(not(unix))]
mod raw {
    use std::io::{self, Read};

    pub fn read(limit: u64) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        for key in io::stdin().take(limit.saturating_add(1)).bytes() {
            if super::take(key?, &mut text)? {
                break;
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_what_they_do_in_line_mode() {
        let mut text = Vec::new();
        let typed = "naïx\u{8}ve\r".bytes().chain([CTRL_D]);
        let ended: Vec<bool> = typed.map(|key| take(key, &mut text).unwrap()).collect();
        assert_eq!(String::from_utf8(text).unwrap(), "naïve\n");
        assert_eq!(ended.iter().filter(|e| **e).count(), 1);
        assert!(take(CTRL_C, &mut Vec::new()).is_err());
    }
}
