//! Inputs to one output: the order of things.
#![cfg_attr(
    not(feature = "parquet"),
    allow(irrefutable_let_patterns, reason = "the other outputs are Parquet's")
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, InputState};
use super::holdings::Holdings;
use super::plan::Plan;
use super::rows::{Block, Labeller};
use super::{LabelOptions, Progress, Tally};
use crate::classifier::Classifier;
use crate::error::{Error, Result};
use crate::parallel::on_threads;
use crate::readers::compression::Compression;
use crate::readers::{Batch, Format, Input, Origin, json};
use crate::writers::OutputFormat;
use crate::writers::target::{Destination, Target, are_same};

/// Batches that a thread may be ahead of the output, for each thread.
const AHEAD: u64 = 2;

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// The columns of the rejects file.
const REJECTS_HEADER: &[u8] = b"input,line,byte,reason,record\n";

/// Inputs whose rows go into one output.
pub struct Job<'a> {
    classifier: &'a Classifier,
    options: &'a LabelOptions,
    progress: &'a Progress,
    origins: Vec<Origin>,
    destination: Destination,
    output: OutputFormat,
    compression: Compression,
    first: Option<(Input, Plan)>,
    /// Later inputs that can be read only once, and were opened to look at their columns.
    streams: BTreeMap<usize, Input>,
    all: Option<Vec<String>>,
    holdings: Option<Holdings>,
}

/// What came of a job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Counts of all rows, those of an earlier, interrupted run included.
    pub tally: Tally,
    /// The first row that could not be labelled: input, line and reason.
    pub first_reject: Option<(String, u64, String)>,
    /// Whether it was stopped before the end.
    pub interrupted: bool,
    /// Rows taken over from an earlier run.
    pub resumed: u64,
    /// What the rows hold, if they were counted.
    pub holdings: Option<Holdings>,
}

impl<'a> Job<'a> {
    /// Opens the inputs, finds their columns and settles the output's.
    ///
    /// # Errors
    /// What opening and choosing say; [`Error::Data`] where the inputs do not agree, the
    /// output is one of the inputs, or a resumption is asked for that is not possible.
    pub fn new(
        classifier: &'a Classifier,
        options: &'a LabelOptions,
        progress: &'a Progress,
        origins: Vec<Origin>,
        destination: Destination,
    ) -> Result<Self> {
        let mut job = Self {
            classifier,
            options,
            progress,
            origins,
            destination,
            output: OutputFormat::JsonLines,
            compression: Compression::None,
            first: None,
            streams: BTreeMap::new(),
            all: None,
            holdings: None,
        };
        job.check_places()?;
        let mut input = job.open(0)?;
        job.settle_output(input.format)?;
        job.destination = job.destination.followed();
        job.all = job.all_columns(&input)?;
        let plan = job.plan(&mut input)?;
        job.first = Some((input, plan));
        if options.resume {
            job.check_resumable()?;
        }
        Ok(job)
    }

    /// Goes on counting from what earlier jobs hold.
    #[must_use]
    pub fn counting(mut self, holdings: Option<Holdings>) -> Self {
        self.holdings = holdings;
        self
    }

    /// The first input and what becomes of it, for whoever wants to show it.
    #[must_use]
    pub fn first(&self) -> Option<(&Input, &Plan)> {
        self.first.as_ref().map(|(input, plan)| (input, plan))
    }

    /// Labels the first `n` rows without writing anything, as the output would hold them.
    ///
    /// # Errors
    /// When reading fails.
    pub fn try_out(mut self, n: u64) -> Result<Vec<u8>> {
        let Some((mut input, mut plan)) = self.first.take() else {
            return Ok(Vec::new());
        };
        plan.compression = Compression::None;
        if plan.output == OutputFormat::Parquet {
            plan.output = OutputFormat::JsonLines;
        }
        let mut out = plan.header(&input, self.options.read.no_header);
        let mut batch = Batch::default();
        if input.next_into(&mut batch)? {
            batch.limit(n);
            let mut labeller = Labeller::new(self.classifier, self.options, &plan);
            out.extend(labeller.label(&mut batch)?.bytes);
        }
        Ok(out)
    }

    fn open(&mut self, index: usize) -> Result<Input> {
        if let Some(opened) = self.streams.remove(&index) {
            return Ok(opened);
        }
        let read = Arc::clone(&self.progress.read);
        Input::open(&self.origins[index], &self.options.read, &read)
    }

    fn plan(&self, input: &mut Input) -> Result<Plan> {
        Plan::new(
            input,
            self.classifier,
            self.options,
            self.output,
            self.compression,
            self.all.as_deref(),
        )
    }

    fn settle_output(&mut self, input: Format) -> Result<()> {
        let (named, compression) = match &self.destination {
            Destination::File(path) => OutputFormat::by_name(&path.to_string_lossy()),
            Destination::Stdout => (None, Compression::None),
        };
        self.compression = compression;
        let like = match (OutputFormat::like(input), &self.destination) {
            (OutputFormat::Parquet, Destination::Stdout) => OutputFormat::JsonLines,
            (like, _) => like,
        };
        self.output = self.options.format.or(named).unwrap_or(like);
        if self.options.spreadsheet_safe && !matches!(self.output, OutputFormat::Delimited(_)) {
            return Err(self.refused(&format!(
                "--spreadsheet-safe guards the cells of CSV and TSV, and this output is {}; leave it off",
                self.output.extension()
            )));
        }
        if self.output == OutputFormat::Parquet {
            if compression != Compression::None {
                return Err(self.refused("Parquet packs its own pages; leave the extension off"));
            }
            if cfg!(not(feature = "parquet")) {
                return Err(self.refused(
                    "this rolecall was built without the feature `parquet`; choose another --format",
                ));
            }
        }
        Ok(())
    }

    fn refused(&self, reason: &str) -> Error {
        Error::Data {
            origin: self.destination.name(),
            line: None,
            reason: reason.to_owned(),
        }
    }

    /// No output may be an input or the other output.
    fn check_places(&self) -> Result<()> {
        let rejects = self.options.rejects.clone().map(Destination::File);
        let report = self.options.report.clone();
        for output in [Some(self.destination.clone()), rejects, report]
            .into_iter()
            .flatten()
        {
            let Destination::File(path) = &output else {
                continue;
            };
            for origin in &self.origins {
                if let Origin::File(input) = origin
                    && are_same(path, input)
                {
                    return Err(Error::Data {
                        origin: output.name(),
                        line: None,
                        reason: "it is an input too; name another output".to_owned(),
                    });
                }
            }
        }
        let output = self.destination.file();
        let rejects = self.options.rejects.as_ref();
        let report = self.options.report.as_ref().and_then(Destination::file);
        for (one, other, what) in [
            (output, rejects, "the rejects file"),
            (output, report, "the report"),
            (rejects, report, "the report"),
        ] {
            if let (Some(one), Some(other)) = (one, other)
                && are_same(one, other)
            {
                return Err(Error::Data {
                    origin: one.display().to_string(),
                    line: None,
                    reason: format!("it is {what} too; name another one"),
                });
            }
        }
        Ok(())
    }

    /// The columns of an output that must hold more than those of its first input: of all
    /// inputs that are united, and of JSON keys that only later rows have.
    fn all_columns(&mut self, first: &Input) -> Result<Option<Vec<String>>> {
        let by_keys = self.output != OutputFormat::JsonLines;
        let mut all = self.keys(first, 0, by_keys)?;
        let mut grown = all.len() > first.columns.len();
        for index in 1..self.origins.len() {
            let input = self.open(index)?;
            let columns = self.keys(&input, index, by_keys)?;
            let objects = is_objects(input.format) && is_objects(first.format);
            let agree = columns == all || (objects && !by_keys);
            if !agree && !self.options.union && !objects {
                return Err(disagreement(first, &input));
            }
            if self.origins[index].is_stream() {
                self.streams.insert(index, input);
            }
            if agree {
                continue;
            }
            grown = true;
            for column in columns {
                if !all.contains(&column) {
                    all.push(column);
                }
            }
        }
        if let Some(source) = self.options.source_name() {
            if all.contains(&source) {
                let reason = format!("a column `{source}` is already there; see --prefix");
                return Err(self.refused(&reason));
            }
            all.push(source);
            grown = true;
        }
        Ok(grown.then_some(all))
    }

    /// The columns of one input; of JSON files, the keys of all rows.
    fn keys(&self, input: &Input, index: usize, whole: bool) -> Result<Vec<String>> {
        let mut keys = input.columns.clone();
        let limits = &self.options.read.limits;
        if !is_objects(input.format)
            || !whole
            || self.options.only
            || self.origins[index].is_stream()
        {
            return Ok(keys);
        }
        let mut input = Input::open(&self.origins[index], &self.options.read, &Arc::default())?;
        let mut batch = Batch::default();
        // What is wrong with the file is said when its rows are read.
        while input.next_into(&mut batch).unwrap_or(false) {
            if keys.len() > limits.columns {
                break;
            }
            for record in &batch.chunk.records {
                let text = std::str::from_utf8(&batch.chunk.bytes[record.clone()]);
                let members = text.ok().and_then(|t| json::members(t).ok());
                for (key, _) in members.unwrap_or_default() {
                    if keys.len() <= limits.columns && !keys.iter().any(|known| *known == key) {
                        keys.push(key.into_owned());
                    }
                }
            }
        }
        limits
            .check_columns(keys.len())
            .map_err(|reason| Error::Data {
                origin: input.origin.name(),
                line: None,
                reason,
            })?;
        Ok(keys)
    }

    fn check_resumable(&self) -> Result<()> {
        if self.options.report.is_some() {
            return Err(self.refused(
                "--report counts every row, and --resume would leave out those labelled before; leave one of them off",
            ));
        }
        let refuse = |what: &str| {
            Err(self.refused(&format!(
                "--resume works from files of CSV, TSV and JSON Lines to files of them, and {what}; leave --resume off"
            )))
        };
        match &self.destination {
            Destination::Stdout => return refuse("this output is standard output"),
            Destination::File(path) if path.exists() && !path.is_file() => {
                return refuse("this output is no regular file");
            }
            Destination::File(_) => {}
        }
        if let Some(stream) = self.origins.iter().find(|o| o.is_stream()) {
            return refuse(&format!("{} can be read only once", stream.name()));
        }
        if self.output == OutputFormat::Parquet {
            return refuse("this output is Parquet");
        }
        match self.first.as_ref().map(|(input, _)| input.format) {
            Some(Format::Delimited(_) | Format::JsonLines) | None => Ok(()),
            Some(other) => refuse(&format!("this input is {}", other.describe())),
        }
    }

    /// Labels everything.
    ///
    /// # Errors
    /// When an input cannot be read on or an output not be written; what was labelled
    /// before stays in `OUT.partial`.
    pub fn run(mut self) -> Result<Report> {
        let mut sink = self.open_sink()?;
        sink.holdings = self.holdings.take();
        let outcome = self.run_into(&mut sink);
        match outcome {
            Ok(true) => {
                sink.pack_nothing(self.compression)?;
                let mut report = sink.report();
                report.holdings = sink.holdings.take();
                sink.finish()?;
                Ok(report)
            }
            Ok(false) => {
                let mut report = sink.report();
                report.interrupted = true;
                sink.keep()?;
                Ok(report)
            }
            Err(error) => {
                // The error that stopped the run matters more than one of putting away.
                let _ = sink.keep();
                Err(error)
            }
        }
    }

    /// False when it was stopped.
    fn run_into(&mut self, sink: &mut Sink) -> Result<bool> {
        for index in sink.state.done..self.origins.len() {
            let (mut input, plan) = match self.first.take() {
                Some(first) if index == 0 => first,
                _ => {
                    let mut input = self.open(index)?;
                    let plan = self.plan(&mut input)?;
                    (input, plan)
                }
            };
            sink.begin(&input, &plan, self.options.read.no_header)?;
            if let Some(position) = sink.state.position {
                input.skip_to(position)?;
            }
            if !self.run_input(&mut input, &plan, sink)? {
                return Ok(false);
            }
            sink.state.done = index + 1;
            sink.state.position = None;
        }
        Ok(true)
    }

    fn run_input(&self, input: &mut Input, plan: &Plan, sink: &mut Sink) -> Result<bool> {
        let done_before = sink.state.position.map_or(0, |p| p.row);
        let feeder = Mutex::new(Feeder {
            input,
            number: 0,
            left: self.options.limit.map(|n| n.saturating_sub(done_before)),
            done: false,
            error: None,
        });
        let ordered = Mutex::new(Ordered {
            sink,
            next: 0,
            waiting: BTreeMap::new(),
            error: None,
        });
        let turn = Condvar::new();
        let threads = self.options.threads.max(1);
        let team = Team {
            classifier: self.classifier,
            options: self.options,
            progress: self.progress,
            plan,
        };
        let work = || team.work(&feeder, &ordered, &turn);
        on_threads(threads, work);
        let ordered = ordered.into_inner().unwrap_or_else(PoisonError::into_inner);
        let feeder = feeder.into_inner().unwrap_or_else(PoisonError::into_inner);
        match ordered.error.or(feeder.error) {
            Some(error) => Err(error),
            None => Ok(!self.progress.stop.load(Ordering::Relaxed)),
        }
    }

    fn open_sink(&self) -> Result<Sink> {
        let resumable = match (&self.destination, self.output, &self.first) {
            (
                Destination::File(_),
                OutputFormat::Delimited(_) | OutputFormat::JsonLines,
                Some((input, _)),
            ) => {
                matches!(input.format, Format::Delimited(_) | Format::JsonLines)
                    && !self.origins.iter().any(Origin::is_stream)
            }
            _ => false,
        };
        let mut target = Target::open(&self.destination)?;
        let mut opened = || {
            let rejects = self.options.rejects.clone().map(Destination::File);
            let mut rejects = rejects.map(|d| Target::open(&d.followed())).transpose()?;
            let (state, checkpoint) = self.state(resumable && target.is_file())?;
            target.keep(state.output)?;
            if let Some(rejects) = &mut rejects {
                rejects.keep(state.rejects)?;
                if state.rejects == 0 {
                    rejects.put(REJECTS_HEADER)?;
                }
            }
            Ok::<_, Error>((rejects, state, checkpoint))
        };
        let (rejects, state, checkpoint) = match opened() {
            Ok(opened) => opened,
            Err(error) => {
                target.discard_if_empty();
                return Err(error);
            }
        };
        let resumed = state.tally.rows();
        Ok(Sink {
            out: Out::Bytes(target),
            rejects,
            state,
            checkpoint,
            saved: None,
            saving: None,
            resumed,
            begun: resumed > 0,
            holdings: None,
        })
    }

    /// How far the output has come: nowhere, or where an earlier run left its checkpoint;
    /// and the output beside which checkpoints are to stand, if any are.
    fn state(&self, resumable: bool) -> Result<(Checkpoint, Option<PathBuf>)> {
        let mut state = Checkpoint {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model_id: self.classifier.model_id().to_owned(),
            settings: self.options.settings.clone(),
            inputs: Vec::new(),
            done: 0,
            position: None,
            output: 0,
            rejects: 0,
            tally: Tally::new(self.classifier.labels().len()),
            first_reject: None,
        };
        let Destination::File(path) = &self.destination else {
            return Ok((state, None));
        };
        if !resumable {
            return Ok((state, None));
        }
        let inputs = self.origins.iter().map(InputState::of);
        state.inputs = inputs.collect::<Result<_>>()?;
        if self.options.resume
            && let Some(found) = Checkpoint::load(path)?
        {
            found.check(&state, path)?;
            state = found;
        } else {
            Checkpoint::remove(path);
        }
        Ok((state, Some(path.clone())))
    }
}

/// What the threads share that label one input.
struct Team<'a> {
    classifier: &'a Classifier,
    options: &'a LabelOptions,
    progress: &'a Progress,
    plan: &'a Plan,
}

impl Team<'_> {
    /// What every thread does until nothing is left.
    fn work(&self, feeder: &Mutex<Feeder>, ordered: &Mutex<Ordered>, turn: &Condvar) {
        let _alarm = Alarm { ordered, turn };
        let mut labeller = Labeller::new(self.classifier, self.options, self.plan);
        let mut batch = Batch::default();
        let ahead = AHEAD * self.options.threads as u64;
        loop {
            let number = {
                let mut feeder = held(feeder);
                if self.progress.stop.load(Ordering::Relaxed) {
                    feeder.done = true;
                }
                self.progress.waiting.fetch_add(1, Ordering::Relaxed);
                let number = feeder.feed(&mut batch);
                self.progress.waiting.fetch_sub(1, Ordering::Relaxed);
                match number {
                    Some(number) => number,
                    None => return,
                }
            };
            let block = labeller.label(&mut batch);
            let mut output = held(ordered);
            self.progress.waiting.fetch_add(1, Ordering::Relaxed);
            output.take(number, block, self);
            self.progress.waiting.fetch_sub(1, Ordering::Relaxed);
            turn.notify_all();
            while output.error.is_none() && number >= output.next + ahead {
                output = turn.wait(output).unwrap_or_else(PoisonError::into_inner);
            }
            if output.error.is_some() {
                drop(output);
                held(feeder).done = true;
                return;
            }
        }
    }
}

/// Wakes the threads that wait for a block which will never come, so that a bug in one
/// thread ends the program instead of holding it for ever.
struct Alarm<'a, 's> {
    ordered: &'a Mutex<Ordered<'s>>,
    turn: &'a Condvar,
}

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let stopped = || Error::Data {
                origin: "labelling".to_owned(),
                line: None,
                reason: "a thread stopped because of a bug".to_owned(),
            };
            held(self.ordered).error.get_or_insert_with(stopped);
            self.turn.notify_all();
        }
    }
}

fn is_objects(format: Format) -> bool {
    matches!(
        format,
        Format::JsonLines | Format::JsonFeed | Format::XmlFeed
    )
}

fn disagreement(first: &Input, other: &Input) -> Error {
    let missing = first.columns.iter().find(|c| !other.columns.contains(c));
    let surplus = other.columns.iter().find(|c| !first.columns.contains(c));
    let difference = match (missing, surplus) {
        (Some(column), _) => format!("it lacks the column `{column}`"),
        (None, Some(column)) => format!("it has a column `{column}`"),
        (None, None) => "its columns stand in another order".to_owned(),
    };
    Error::Data {
        origin: other.origin.name(),
        line: None,
        reason: format!(
            "{difference}, unlike `{}`; --union puts all columns of both into the output, -o DIR/ writes one output per input",
            first.origin.name()
        ),
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives out batches, numbered in the input's order.
struct Feeder<'i> {
    input: &'i mut Input,
    number: u64,
    left: Option<u64>,
    done: bool,
    error: Option<Error>,
}

impl Feeder<'_> {
    fn feed(&mut self, batch: &mut Batch) -> Option<u64> {
        if self.done || self.left == Some(0) {
            return None;
        }
        match self.input.next_into(batch) {
            Ok(true) => {}
            Ok(false) => {
                self.done = true;
                return None;
            }
            Err(error) => {
                self.done = true;
                self.error = Some(error);
                return None;
            }
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(batch.limit(*left));
        }
        self.number += 1;
        Some(self.number - 1)
    }
}

/// Writes blocks in the order of their numbers.
struct Ordered<'s> {
    sink: &'s mut Sink,
    next: u64,
    waiting: BTreeMap<u64, Block>,
    error: Option<Error>,
}

impl Ordered<'_> {
    fn take(&mut self, number: u64, block: Result<Block>, team: &Team) {
        match block {
            Ok(block) => {
                self.waiting.insert(number, block);
            }
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
        while self.error.is_none()
            && let Some(block) = self.waiting.remove(&self.next)
        {
            self.next += 1;
            let rows = block.tally.rows();
            if let Err(error) = self.sink.write(block, team.plan, team.options.strict) {
                self.error = Some(error);
            }
            team.progress.rows.fetch_add(rows, Ordering::Relaxed);
        }
    }
}

/// The output, its rejects, and how far both have come.
struct Sink {
    out: Out,
    rejects: Option<Target>,
    state: Checkpoint,
    checkpoint: Option<PathBuf>,
    saved: Option<Instant>,
    /// The checkpoint that is being written.
    saving: Option<JoinHandle<Result<()>>>,
    resumed: u64,
    begun: bool,
    holdings: Option<Holdings>,
}

enum Out {
    Bytes(Target),
    #[cfg(feature = "parquet")]
    Parquet(Box<crate::writers::parquet::Writer>),
    #[cfg(feature = "parquet")]
    Moving,
}

impl Sink {
    /// Writes the header before the first row of the first input.
    fn begin(&mut self, input: &Input, plan: &Plan, no_header: bool) -> Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        #[cfg(feature = "parquet")]
        if plan.output == OutputFormat::Parquet
            && let Out::Bytes(target) = std::mem::replace(&mut self.out, Out::Moving)
        {
            let writer = crate::writers::parquet::Writer::new(target, plan)?;
            self.out = Out::Parquet(Box::new(writer));
            return Ok(());
        }
        let header = plan.pack(plan.header(input, no_header))?;
        if let Out::Bytes(target) = &mut self.out {
            target.put(&header)?;
        }
        Ok(())
    }

    fn write(&mut self, block: Block, plan: &Plan, strict: bool) -> Result<()> {
        match &mut self.out {
            Out::Bytes(target) => target.put(&block.bytes)?,
            #[cfg(feature = "parquet")]
            Out::Parquet(writer) => {
                if let Some(rows) = &block.rows {
                    writer.write(rows)?;
                }
            }
            #[cfg(feature = "parquet")]
            Out::Moving => {}
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.put(&block.rejects)?;
        }
        self.state.tally.add(&block.tally);
        if let Some(holdings) = &mut self.holdings {
            block.sightings.iter().for_each(|row| holdings.add(row));
            holdings.add_errors(block.tally.errors);
        }
        if let Some((line, reason)) = block.first_reject {
            if strict {
                return Err(Error::Data {
                    origin: plan.origin.clone(),
                    line: Some(line),
                    reason: format!("{reason}; without --strict such a row is kept with its error"),
                });
            }
            let first = &mut self.state.first_reject;
            first.get_or_insert_with(|| (plan.origin.clone(), line, reason));
        }
        // Inside a record that is passed on in parts nothing can be taken up again.
        if let (Some(end), Out::Bytes(target)) = (block.end, &self.out) {
            self.state.position = Some(end);
            self.state.output = target.written();
            self.state.rejects = self.rejects.as_ref().map_or(0, Target::written);
            if self.checkpoint.is_some()
                && self.saved.is_none_or(|t| t.elapsed() >= CHECKPOINT_EVERY)
            {
                self.save()?;
            }
        }
        Ok(())
    }

    /// Begins to write a checkpoint, unless the one before is still on its way. A thread
    /// of its own waits for the disk, so that labelling does not.
    fn save(&mut self) -> Result<()> {
        let (Some(path), Out::Bytes(target)) = (&self.checkpoint, &self.out) else {
            return Ok(());
        };
        if self
            .saving
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            return Ok(());
        }
        let parts = [
            target.written_part()?,
            self.rejects
                .as_ref()
                .map_or(Ok(None), Target::written_part)?,
        ];
        let (state, path) = (self.state.clone(), path.clone());
        self.await_saving()?;
        let save = move || {
            for part in parts.iter().flatten() {
                part.sync()?;
            }
            state.save(&path)
        };
        // Without a thread for this one, the checkpoint before stays, which is as true.
        self.saving = std::thread::Builder::new().spawn(save).ok();
        self.saved = Some(Instant::now());
        Ok(())
    }

    /// Waits for the checkpoint that is being written.
    fn await_saving(&mut self) -> Result<()> {
        let saved = self.saving.take().map_or(Ok(Ok(())), JoinHandle::join);
        saved.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn report(&self) -> Report {
        Report {
            tally: self.state.tally.clone(),
            first_reject: self.state.first_reject.clone(),
            interrupted: false,
            resumed: self.resumed,
            holdings: None,
        }
    }

    /// A packed file of no rows is not an empty one, which no program would unpack.
    fn pack_nothing(&mut self, compression: Compression) -> Result<()> {
        if let Out::Bytes(target) = &mut self.out
            && target.written() == 0
            && compression != Compression::None
        {
            let nothing = compression.pack(b"").map_err(|source| Error::Io {
                action: "pack the rows of",
                path: self.checkpoint.clone().unwrap_or_default(),
                source,
            })?;
            target.put(&nothing)?;
        }
        Ok(())
    }

    /// Gives the outputs their names.
    fn finish(mut self) -> Result<()> {
        self.await_saving()?;
        // A checkpoint must not outlive the part that it counts: killed in between, the
        // next run begins anew.
        if let Some(path) = self.checkpoint {
            Checkpoint::remove(&path);
        }
        match self.out {
            Out::Bytes(target) => target.finish()?,
            #[cfg(feature = "parquet")]
            Out::Parquet(writer) => writer.finish()?.finish()?,
            #[cfg(feature = "parquet")]
            Out::Moving => {}
        }
        if let Some(rejects) = self.rejects {
            rejects.finish()?;
        }
        Ok(())
    }

    /// Takes away what no checkpoint counts, if there are checkpoints.
    fn drop_half_rows(&mut self) -> Result<()> {
        if self.checkpoint.is_none() {
            return Ok(());
        }
        if let Out::Bytes(target) = &mut self.out {
            target.keep(self.state.output)?;
        }
        if let Some(rejects) = &mut self.rejects {
            rejects.keep(self.state.rejects)?;
        }
        Ok(())
    }

    /// Leaves what was labelled where it is, unless that is nothing.
    fn keep(mut self) -> Result<()> {
        if self.state.tally.rows() == 0 {
            if let Out::Bytes(target) = self.out {
                target.discard();
            }
            if let Some(rejects) = self.rejects {
                rejects.discard();
            }
            return Ok(());
        }
        // On a full disk the checkpoint under way finds no room, and this one finds what the
        // half-written rows took, which could not be gone on from anyway.
        let _ = self.await_saving();
        self.drop_half_rows()?;
        self.save()?;
        self.await_saving()?;
        #[cfg(feature = "parquet")]
        if let Out::Parquet(writer) = self.out {
            // The rows so far are readable only with a footer behind them.
            writer.finish()?;
        }
        Ok(())
    }
}

/// Where an interrupted job can go on, if it can.
#[must_use]
pub fn interrupted_at(destination: &Destination) -> Option<(PathBuf, bool)> {
    let destination = destination.followed();
    let partial = destination.partial()?;
    let path = destination.file()?;
    partial
        .exists()
        .then(|| (partial, super::checkpoint::path_of(path).exists()))
}
