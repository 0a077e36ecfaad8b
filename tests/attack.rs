//! The properties that the fuzzer in `tests/fuzz` attacks, in a short run that is the same
//! every time: over the inputs that it found worth keeping, and over changes of them.

#[path = "attack/properties.rs"]
mod properties;

use std::panic::catch_unwind;
use std::path::Path;

use properties::Property;

/// Changed inputs for each property.
const CHANGES: usize = 300;

/// Inputs are kept below this size.
const LARGEST: usize = 8192;

/// Pieces that programs trip over.
const PIECES: [&[u8]; 18] = [
    b"\"",
    b"\"\"",
    b"\r\n",
    b"\n",
    b",",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"<p>",
    b"</job>",
    b"&#x110000;",
    b"<![CDATA[",
    b"[[[[",
    b"{\"jobs\":[",
    b"\\u",
    b"99999999999999999999",
    b"nan",
    "\u{ad}é".as_bytes(),
];

/// Numbers that look random and are the same on every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn inputs(name: &str) -> Vec<(String, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/attack/corpus")
        .join(name);
    let entries =
        std::fs::read_dir(&corpus).unwrap_or_else(|e| panic!("{}: {e}", corpus.display()));
    let mut inputs: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read(path).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{name} has no inputs");
    inputs
}

fn changed(inputs: &[(String, Vec<u8>)], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = inputs[dice.roll(inputs.len())].1.clone();
    for _ in 0..=dice.roll(4) {
        let from = dice.roll(bytes.len());
        let to = (from + dice.roll(40)).min(bytes.len());
        match dice.roll(6) {
            0 if !bytes.is_empty() => bytes[from] ^= 1 << dice.roll(8),
            1 => drop(bytes.drain(from..to)),
            2 => {
                let twice = bytes[from..to].to_vec();
                bytes.splice(to..to, twice);
            }
            3 => bytes.truncate(from),
            4 => {
                let other = &inputs[dice.roll(inputs.len())].1;
                let tail = other[dice.roll(other.len())..].to_vec();
                bytes.splice(from.., tail);
            }
            _ => drop(bytes.splice(from..from, PIECES[dice.roll(PIECES.len())].to_vec())),
        }
    }
    bytes.truncate(LARGEST);
    bytes
}

#[track_caller]
fn attack((name, property): Property) {
    let inputs = inputs(name);
    let mut dice = Dice(0x5eed);
    let changes = std::iter::repeat_with(|| ("a change".to_owned(), changed(&inputs, &mut dice)));
    for (what, bytes) in inputs.iter().cloned().chain(changes.take(CHANGES)) {
        if catch_unwind(|| property(&bytes)).is_err() {
            let path = std::env::temp_dir().join(format!("rolecall-{name}"));
            std::fs::write(&path, &bytes).unwrap();
            panic!(
                "{name} breaks at {what}; the input is kept in {}",
                path.display()
            );
        }
    }
}

#[test]
fn every_property_has_its_fuzz_target_and_its_inputs() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
    for (name, _) in properties::ALL {
        inputs(name);
        // A package leaves the fuzz targets out: they are a crate of their own.
        assert!(
            !fuzz.exists() || fuzz.join(format!("{name}.rs")).exists(),
            "{name}"
        );
    }
}

macro_rules! attacks {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let name = stringify!($name);
            attack(*properties::ALL.iter().find(|p| p.0 == name).unwrap());
        }
    )*};
}

attacks!(cleaning tokens model_file lexicon_file delimited json xml parquet column_names classify label);
