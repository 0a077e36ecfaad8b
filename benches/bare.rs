//! What it takes to read a file of postings and do nothing: what `benches/peers.py` compares
//! labelling the same file with.
//!
//! `bare KIND FILE` prints the records, their bytes and the seconds as one JSON object.
//! The kinds are `csv` (the csv crate, one byte record after the other), `csv-memory`
//! (the same from memory), `csv-gz` (the same behind flate2), `jsonl` (serde_json, title and
//! description of every line as text) and `parquet` (the parquet crate, all columns as Arrow).

use std::borrow::Cow;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

/// Records and their bytes.
type Counts = (u64, u64);

#[derive(serde::Deserialize)]
struct Posting<'a> {
    #[serde(borrow, default)]
    title: Cow<'a, str>,
    #[serde(borrow, default)]
    description: Cow<'a, str>,
}

fn csv(from: impl Read) -> Result<Counts, Box<dyn Error>> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(from);
    let mut row = csv::ByteRecord::new();
    let (mut records, mut bytes) = (0, 0);
    while rows.read_byte_record(&mut row)? {
        records += 1;
        bytes += row.as_slice().len() as u64;
    }
    Ok((records, bytes))
}

fn json_lines(from: impl Read) -> Result<Counts, Box<dyn Error>> {
    let mut lines = BufReader::with_capacity(1 << 18, from);
    let mut line = Vec::new();
    let (mut records, mut bytes) = (0, 0);
    while lines.read_until(b'\n', &mut line)? > 0 {
        let posting: Posting = serde_json::from_slice(&line)?;
        records += 1;
        bytes += (posting.title.len() + posting.description.len()) as u64;
        line.clear();
    }
    Ok((records, bytes))
}

#[cfg(feature = "parquet")]
fn parquet(file: File) -> Result<Counts, Box<dyn Error>> {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let (mut records, mut bytes) = (0, 0);
    for rows in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
        let rows = rows?;
        records += rows.num_rows() as u64;
        bytes += rows.get_array_memory_size() as u64;
    }
    Ok((records, bytes))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: File) -> Result<Counts, Box<dyn Error>> {
    Err("built without the feature `parquet`".into())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(kind), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare csv|csv-memory|csv-gz|jsonl|parquet FILE".into());
    };
    let mut begun = Instant::now();
    let file = File::open(path)?;
    let (records, bytes) = match kind.as_str() {
        "csv" => csv(file)?,
        "csv-memory" => {
            let bytes = std::io::read_to_string(file)?;
            begun = Instant::now();
            csv(bytes.as_bytes())?
        }
        "csv-gz" => csv(flate2::read::MultiGzDecoder::new(BufReader::new(file)))?,
        "jsonl" => json_lines(file)?,
        "parquet" => parquet(file)?,
        other => return Err(format!("there is no kind `{other}`").into()),
    };
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{}",
        serde_json::json!({ "records": black_box(records), "bytes": black_box(bytes), "seconds": seconds })
    );
    Ok(())
}
