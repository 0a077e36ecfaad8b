//! Sparse multinomial logistic regression: loss, gradient, fit, in linfa's terms.
//!
//! Minimised is what `linfa-logistic` minimises, with weights on rows and labels:
//!
//! L(W, b) = Σᵢ vᵢ (ln Σₖ exp(zᵢₖ) − zᵢ,ᵧᵢ) + α/2 ‖W‖², zᵢ = b + W xᵢ
//!
//! where vᵢ is the row's weight times its label's, the biases b are not penalised, and
//! α is 1/C in scikit-learn's terms. Two things differ from `linfa-logistic`: rows are
//! sparse, and the log-sum-exp subtracts each row's own maximum.
//!
//! The optimiser is argmin's L-BFGS (Nocedal & Wright 2006, ch. 7.2) with a
//! Moré–Thuente line search. Sums are taken in an order that does not depend on the
//! number of threads, and exponentials come from `libm`, so that equal data gives
//! equal weights, bit for bit.

use std::ops::Range;
use std::sync::Mutex;

use argmin::core::{CostFunction, Executor, Gradient, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use linfa::ParamGuard;
use linfa::dataset::{DatasetBase, Records};
use linfa::traits::{Fit, PredictInplace};
use linfa_logistic::{MultiFittedLogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2};

use crate::error::{Error, Result};
use crate::features::SparseRow;
use crate::model::{Linear, log_sum_exp};
use crate::parallel::at_once;

/// Rows are summed in this many parts, each in order, then part after part: the result
/// is the same whichever thread takes which part.
const PARTS: usize = 8;

/// How many past steps L-BFGS remembers.
const MEMORY: usize = 10;

/// A sparse design matrix, row by row: linfa records.
#[derive(Debug, Clone, Default)]
pub struct SparseRecords {
    starts: Vec<usize>,
    ids: Vec<u32>,
    values: Vec<f64>,
    n_features: usize,
    /// What is added to every row's logits, row by row; empty: nothing.
    offsets: Vec<f64>,
}

impl SparseRecords {
    /// The matrix [rows × `columns.len()`] of the features in `columns`, renumbered from 0.
    #[must_use]
    pub fn new<'a>(rows: impl IntoIterator<Item = &'a SparseRow>, columns: Range<usize>) -> Self {
        let mut records = Self {
            starts: vec![0],
            n_features: columns.len(),
            ..Self::default()
        };
        let first = columns.start as u32;
        for row in rows {
            for (id, value) in row
                .iter()
                .filter(|(id, _)| columns.contains(&(*id as usize)))
            {
                records.ids.push(id - first);
                records.values.push(value);
            }
            records.starts.push(records.ids.len());
        }
        records
    }

    /// Adds fixed numbers to the logits of every row, a number per label: what is fitted is
    /// then the difference to another model's judgement.
    #[must_use]
    pub fn with_offsets(mut self, offsets: Vec<f64>) -> Self {
        self.offsets = offsets;
        self
    }

    /// The offsets of a row; empty where there are none.
    fn offset(&self, at: usize, n_labels: usize) -> &[f64] {
        self.offsets
            .get(at * n_labels..(at + 1) * n_labels)
            .unwrap_or_default()
    }

    /// How many values differ from zero.
    #[must_use]
    pub fn non_zeros(&self) -> usize {
        self.ids.len()
    }

    fn row(&self, at: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (ids, values) = self.slices(at);
        let ids = ids.iter().map(|&id| id as usize);
        ids.zip(values.iter().copied())
    }

    fn slices(&self, row: usize) -> (&[u32], &[f64]) {
        let span = self.starts[row]..self.starts[row + 1];
        (&self.ids[span.clone()], &self.values[span])
    }

    /// Some rows turned into columns, for the features that stand in them: those of each range
    /// of features, the rarest first.
    fn columns(&self, rows: Range<usize>, features: &[Range<usize>]) -> Vec<Columns> {
        let mut counts = vec![0; self.n_features];
        for &id in &self.ids[self.starts[rows.start]..self.starts[rows.end]] {
            counts[id as usize] += 1;
        }
        let empty = |features: &Range<usize>| Columns::new(&counts, features.clone());
        let mut columns: Vec<Columns> = features.iter().map(empty).collect();
        // Where the next value of a feature belongs, in the columns of its range.
        let mut next = counts;
        for columns in &columns {
            for (&feature, &start) in columns.features.iter().zip(&columns.values.starts) {
                next[feature as usize] = start;
            }
        }
        let range_of = |feature: usize| features.partition_point(|range| range.end <= feature);
        for (at, row) in rows.enumerate() {
            for (feature, value) in self.row(row) {
                let values = &mut columns[range_of(feature)].values;
                let to = next[feature];
                (values.ids[to], values.values[to]) = (at as u32, value);
                next[feature] += 1;
            }
        }
        columns
    }

    /// Tells `done` of `n` rows what `start` gave for each plus Σ value · `table[id]`, summed in
    /// the order of the row; `row` says which they are, best the shortest first.
    #[inline]
    fn products(
        &self,
        n: usize,
        row: impl Fn(usize) -> usize,
        table: &[Block],
        start: impl Fn(usize) -> Block,
        mut done: impl FnMut(usize, Block),
    ) {
        let in_groups = n - n % ABREAST;
        for first in (0..in_groups).step_by(ABREAST) {
            let mut sums = [[0.0; WIDTH]; ABREAST];
            let mut entries: [(&[u32], &[f64]); ABREAST] = [(&[], &[]); ABREAST];
            let mut shortest = usize::MAX;
            for at in 0..ABREAST {
                sums[at] = start(first + at);
                entries[at] = self.slices(row(first + at));
                shortest = shortest.min(entries[at].0.len());
            }
            let mut heads = entries;
            for (ids, values) in &mut heads {
                (*ids, *values) = (&ids[..shortest], &values[..shortest]);
            }
            for entry in 0..shortest {
                for at in 0..ABREAST {
                    let (ids, values) = heads[at];
                    add_scaled(&mut sums[at], values[entry], &table[ids[entry] as usize]);
                }
            }
            for at in 0..ABREAST {
                let (ids, values) = entries[at];
                add_product(&mut sums[at], &ids[shortest..], &values[shortest..], table);
                done(first + at, sums[at]);
            }
        }
        for at in in_groups..n {
            let (ids, values) = self.slices(row(at));
            let mut sum = start(at);
            add_product(&mut sum, ids, values, table);
            done(at, sum);
        }
    }
}

/// The values of some rows feature by feature.
#[derive(Debug)]
struct Columns {
    features: Vec<u32>,
    /// A row for each of the features, whose ids are the rows', counted from the first.
    values: SparseRecords,
}

impl Columns {
    /// Room for the features that stand in the rows at all, the rarest first.
    fn new(counts: &[usize], features: Range<usize>) -> Self {
        let count = |feature: u32| counts[feature as usize];
        let present = (features.start as u32..features.end as u32).filter(|&f| count(f) > 0);
        let mut features: Vec<u32> = present.collect();
        features.sort_by_key(|&feature| count(feature));
        let mut starts = vec![0];
        let mut end = 0;
        for &feature in &features {
            end += count(feature);
            starts.push(end);
        }
        let values = SparseRecords {
            starts,
            ids: vec![0; end],
            values: vec![0.0; end],
            ..SparseRecords::default()
        };
        Self { features, values }
    }
}

impl Records for SparseRecords {
    type Elem = f64;

    fn nsamples(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn nfeatures(&self) -> usize {
        self.n_features
    }
}

/// Hyperparameters as given, unchecked.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticParams(ValidLogisticParams);

/// Hyperparameters that were checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidLogisticParams {
    /// Number of labels, at least 2.
    n_labels: usize,
    alpha: f64,
    balance: f64,
    gradient_tolerance: f64,
    max_iterations: u64,
    threads: usize,
    allow_unconverged: bool,
    penalise_bias: bool,
}

impl LogisticParams {
    /// Defaults for `n_labels` labels: α = 1, labels unweighted, one thread.
    #[must_use]
    pub fn new(n_labels: usize) -> Self {
        Self(ValidLogisticParams {
            n_labels,
            alpha: 1.0,
            balance: 0.0,
            gradient_tolerance: 5e-2,
            max_iterations: 2000,
            threads: 1,
            allow_unconverged: false,
            penalise_bias: false,
        })
    }

    /// The penalty α > 0 on the squared weights.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.0.alpha = alpha;
        self
    }

    /// How far rare labels are weighed up, in [0, 1]: label k of n rows gets the weight
    /// (n / (labels · nₖ))^balance; 1 is scikit-learn's "balanced".
    #[must_use]
    pub fn balance(mut self, balance: f64) -> Self {
        self.0.balance = balance;
        self
    }

    /// Converged when the gradient is no longer than this (> 0).
    #[must_use]
    pub fn gradient_tolerance(mut self, tolerance: f64) -> Self {
        self.0.gradient_tolerance = tolerance;
        self
    }

    /// Iterations at most (> 0).
    #[must_use]
    pub fn max_iterations(mut self, iterations: u64) -> Self {
        self.0.max_iterations = iterations;
        self
    }

    /// Threads to use (> 0); the result does not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.0.threads = threads;
        self
    }

    /// Hold the biases back like the weights, as few rows require that tell little about how
    /// common the labels are.
    #[must_use]
    pub fn penalise_bias(mut self, penalise: bool) -> Self {
        self.0.penalise_bias = penalise;
        self
    }

    /// Return the weights of a fit that did not converge instead of an error.
    #[must_use]
    pub fn allow_unconverged(mut self, allow: bool) -> Self {
        self.0.allow_unconverged = allow;
        self
    }
}

impl ParamGuard for LogisticParams {
    type Checked = ValidLogisticParams;
    type Error = Error;

    fn check_ref(&self) -> Result<&ValidLogisticParams> {
        let p = &self.0;
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let wrong = |what: String| Err(Error::Training(what));
        if p.n_labels < 2 {
            return wrong(format!(
                "{} label; a classifier needs two or more",
                p.n_labels
            ));
        }
        if !positive(p.alpha) {
            return wrong(format!(
                "the penalty is {}; it must be a number above 0",
                p.alpha
            ));
        }
        if !(0.0..=1.0).contains(&p.balance) {
            return wrong(format!(
                "the balance is {}; it must lie between 0 and 1",
                p.balance
            ));
        }
        if !positive(p.gradient_tolerance) || p.max_iterations == 0 || p.threads == 0 {
            return wrong("tolerance, iterations and threads must be above 0".to_owned());
        }
        Ok(p)
    }

    fn check(self) -> Result<ValidLogisticParams> {
        self.check_ref()?;
        Ok(self.0)
    }
}

/// What the optimiser did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convergence {
    /// Iterations of L-BFGS.
    pub iterations: u64,
    /// The loss at the end.
    pub cost: f64,
    /// The Euclidean length of the gradient at the end.
    pub gradient_norm: f64,
    /// Whether it ended because it had converged.
    pub converged: bool,
}

/// A fitted model: [`Linear`] weights and how the fit went.
#[derive(Debug, Clone)]
pub struct FittedLogistic {
    /// The weights and biases.
    pub linear: Linear,
    /// How the optimiser ended.
    pub convergence: Convergence,
}

impl FittedLogistic {
    /// The same model as linfa-logistic's own type, for programs that work with linfa.
    /// Its arrays are dense, so large vocabularies take memory.
    ///
    /// # Errors
    /// [`Error::Training`] when linfa refuses the weights.
    pub fn to_linfa(&self) -> Result<MultiFittedLogisticRegression<f64, usize>> {
        let (features, labels) = (self.linear.n_features(), self.linear.bias().len());
        let weight = |(feature, label): (usize, usize)| match feature {
            feature if feature < features => self.linear.weights(feature as u32)[label],
            _ => self.linear.bias()[label],
        };
        let start = Array2::from_shape_fn((features + 1, labels), weight);
        // Not one step is taken, so any rows will do that show every label once.
        let rows = DatasetBase::new(
            Array2::zeros((labels, features)),
            Array1::from_iter(0..labels),
        );
        let fitted = MultiLogisticRegression::default()
            .initial_params(start)
            .max_iterations(0)
            .fit(&rows);
        fitted.map_err(|e| Error::Training(e.to_string()))
    }
}

impl From<linfa::Error> for Error {
    fn from(error: linfa::Error) -> Self {
        Self::Training(error.to_string())
    }
}

/// Targets are label indices below the number of labels; the dataset's weights, where
/// set, weigh its rows.
impl Fit<SparseRecords, Array1<usize>, Error> for ValidLogisticParams {
    type Object = FittedLogistic;

    fn fit(&self, dataset: &DatasetBase<SparseRecords, Array1<usize>>) -> Result<FittedLogistic> {
        let problem = Problem::new(self, dataset)?;
        let n_weights = dataset.records.n_features * self.n_labels;
        let start = Array1::zeros(n_weights + self.n_labels);
        let failed = |e: argmin::core::Error| Error::Training(format!("the optimiser failed: {e}"));
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
            .with_tolerance_grad(self.gradient_tolerance)
            .map_err(failed)?;
        let mut result = Executor::new(problem, solver)
            .configure(|state| state.param(start).max_iters(self.max_iterations))
            .timer(false)
            .run()
            .map_err(failed)?;
        let problem = result.problem.take_problem();
        let state = result.state;
        let stopped = matches!(
            state.get_termination_status(),
            TerminationStatus::Terminated(TerminationReason::SolverConverged)
        );
        let best = state
            .get_best_param()
            .ok_or_else(|| Error::Training("the optimiser found nothing".to_owned()))?;
        let problem = problem.expect("the executor gives back what it was given");
        let (cost, gradient) = problem.at(best);
        let gradient_norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let convergence = Convergence {
            iterations: state.get_iter(),
            cost,
            gradient_norm,
            converged: stopped,
        };
        if !stopped && !self.allow_unconverged {
            return Err(Error::Training(format!(
                "not converged after {} iterations (gradient {gradient_norm:.2e}); raise the penalty or allow more",
                convergence.iterations
            )));
        }
        let mut weights = best.to_vec();
        let bias = weights.split_off(n_weights);
        Ok(FittedLogistic {
            linear: Linear::new(weights, bias),
            convergence,
        })
    }
}

impl PredictInplace<SparseRecords, Array1<usize>> for FittedLogistic {
    fn predict_inplace(&self, records: &SparseRecords, targets: &mut Array1<usize>) {
        assert_eq!(records.nsamples(), targets.len(), "one target per row");
        for (at, target) in targets.iter_mut().enumerate() {
            let mut logits = self.linear.bias().to_vec();
            let offset = records.offset(at, logits.len());
            logits.iter_mut().zip(offset).for_each(|(z, o)| *z += o);
            for (feature, value) in records.row(at) {
                let weights = self
                    .linear
                    .weights(u32::try_from(feature).expect("checked when built"));
                logits
                    .iter_mut()
                    .zip(weights)
                    .for_each(|(z, w)| *z += value * w);
            }
            *target = (0..logits.len())
                .max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)))
                .unwrap_or(0);
        }
    }

    fn default_target(&self, records: &SparseRecords) -> Array1<usize> {
        Array1::zeros(records.nsamples())
    }
}

/// Labels are taken in blocks of so many, padded with zeros, so that the innermost loops have
/// a fixed length and become vector instructions.
const WIDTH: usize = 4;

type Block = [f64; WIDTH];

/// So many rows are summed side by side: an addition waits for the one before in its own sum
/// alone.
const ABREAST: usize = 4;

/// The columns of a table with `k` numbers in a line, [`WIDTH`] at a time.
fn blocks_of(table: &[f64], k: usize) -> Vec<Vec<Block>> {
    let blocks = |first: usize| {
        let n = WIDTH.min(k - first);
        let block = |line: &[f64]| {
            let mut block = [0.0; WIDTH];
            block[..n].copy_from_slice(&line[first..first + n]);
            block
        };
        table.chunks_exact(k).map(block).collect()
    };
    (0..k).step_by(WIDTH).map(blocks).collect()
}

/// `sum` += `factor` · `addend`.
#[inline]
fn add_scaled(sum: &mut Block, factor: f64, addend: &Block) {
    for (s, a) in sum.iter_mut().zip(addend) {
        *s += factor * a;
    }
}

/// `sum` += Σ value · `table[id]`.
#[inline]
fn add_product(sum: &mut Block, ids: &[u32], values: &[f64], table: &[Block]) {
    for (&id, &value) in ids.iter().zip(values) {
        add_scaled(sum, value, &table[id as usize]);
    }
}

/// A point, and the loss and gradient there.
type Evaluated = (Array1<f64>, f64, Array1<f64>);

/// The weighted, penalised loss over one dataset.
struct Problem<'a> {
    records: &'a SparseRecords,
    targets: Vec<usize>,
    row_weights: Vec<f64>,
    params: &'a ValidLogisticParams,
    parts: Vec<Part>,
    /// The features as each thread takes them, with about as many values each.
    features: Vec<Range<usize>>,
    /// The last point evaluated: the line search asks for cost and gradient one by one.
    last: Mutex<Option<Evaluated>>,
}

/// Some of the rows, which are summed in their order.
struct Part {
    rows: Range<usize>,
    /// The rows, the shortest first.
    by_length: Vec<u32>,
    /// The same values feature by feature, for every thread.
    columns: Vec<Columns>,
}

impl Part {
    fn new(records: &SparseRecords, rows: Range<usize>, features: &[Range<usize>]) -> Self {
        let mut by_length: Vec<u32> = rows.clone().map(|row| row as u32).collect();
        by_length.sort_by_key(|&row| records.slices(row as usize).0.len());
        Self {
            by_length,
            columns: records.columns(rows.clone(), features),
            rows,
        }
    }
}

/// What a part comes to at one point.
#[derive(Debug, Clone, Default)]
struct Judged {
    /// The loss.
    cost: f64,
    /// Its gradient with respect to the logits of every row, in columns of blocks.
    residuals: Vec<Vec<Block>>,
}

/// Cuts the features into `n` ranges with about as many values each.
fn shared(records: &SparseRecords, n: usize) -> Vec<Range<usize>> {
    let mut counts = vec![0; records.n_features];
    for &id in &records.ids {
        counts[id as usize] += 1;
    }
    let mut ranges = Vec::new();
    let (mut start, mut passed) = (0, 0);
    for (feature, count) in counts.iter().enumerate() {
        passed += count;
        if ranges.len() + 1 < n && passed * n >= records.non_zeros() * (ranges.len() + 1) {
            ranges.push(start..feature + 1);
            start = feature + 1;
        }
    }
    ranges.push(start..records.n_features);
    ranges
}

impl<'a> Problem<'a> {
    fn new(
        params: &'a ValidLogisticParams,
        dataset: &'a DatasetBase<SparseRecords, Array1<usize>>,
    ) -> Result<Self> {
        let records = &dataset.records;
        let targets = dataset.targets.to_vec();
        if targets.is_empty() || targets.len() != records.nsamples() {
            return Err(Error::Training(format!(
                "{} rows and {} labels",
                records.nsamples(),
                targets.len()
            )));
        }
        let offsets = records.offsets.len();
        if offsets != 0 && offsets != targets.len() * params.n_labels {
            return Err(Error::Training(
                "offsets must be one number a row and label".to_owned(),
            ));
        }
        if let Some(target) = targets.iter().find(|&&t| t >= params.n_labels) {
            return Err(Error::Training(format!(
                "label {target} where there are {}",
                params.n_labels
            )));
        }
        let given: Vec<f64> = match dataset.weights() {
            Some(weights) => weights.iter().map(|&w| f64::from(w)).collect(),
            None => vec![1.0; targets.len()],
        };
        if given.len() != targets.len()
            || given.iter().any(|w| !w.is_finite() || w.is_sign_negative())
        {
            return Err(Error::Training(
                "row weights must be one finite, non-negative number a row".to_owned(),
            ));
        }
        let mut totals = vec![0.0; params.n_labels];
        targets
            .iter()
            .zip(&given)
            .for_each(|(&t, w)| totals[t] += w);
        let all: f64 = totals.iter().sum();
        let of_label = |t: usize| {
            libm::pow(
                all / (params.n_labels as f64 * totals[t].max(1e-12)),
                params.balance,
            )
        };
        let row_weights = targets
            .iter()
            .zip(&given)
            .map(|(&t, w)| w * of_label(t))
            .collect();
        let n = targets.len();
        let features = shared(records, params.threads);
        let rows = |part: usize| n * part / PARTS..n * (part + 1) / PARTS;
        let parts = (0..PARTS).map(|part| Part::new(records, rows(part), &features));
        Ok(Self {
            records,
            targets,
            row_weights,
            params,
            parts: parts.collect(),
            features,
            last: Mutex::new(None),
        })
    }

    /// Loss and gradient at `point`: weights feature by feature, then the biases.
    fn evaluate(&self, point: &Array1<f64>) -> (f64, Array1<f64>) {
        let k = self.params.n_labels;
        let point = point
            .as_slice()
            .expect("one-dimensional arrays are contiguous");
        let table = blocks_of(point, k);
        let mut judged = vec![Judged::default(); PARTS];
        let share = PARTS.div_ceil(self.params.threads.min(PARTS));
        let shares = judged.chunks_mut(share).zip(self.parts.chunks(share));
        at_once(shares, |(judged, parts)| {
            for (judged, part) in judged.iter_mut().zip(parts) {
                *judged = self.judge(part, &table);
            }
        });
        let cost: f64 = judged.iter().map(|judged| judged.cost).sum();
        let blocks = k.div_ceil(WIDTH);
        let mut sums = vec![[0.0; WIDTH]; blocks * point.len() / k];
        let (mut of_weights, of_biases) = sums.split_at_mut(blocks * (point.len() / k - 1));
        let mut shares = Vec::new();
        for features in &self.features {
            let (share, rest) = of_weights.split_at_mut(blocks * features.len());
            of_weights = rest;
            shares.push(share);
        }
        at_once(shares.into_iter().enumerate(), |(thread, sums)| {
            for (part, judged) in self.parts.iter().zip(&judged) {
                self.add_gradient(part, judged, thread, sums);
            }
        });
        for judged in &judged {
            for (biases, residuals) in of_biases.iter_mut().zip(&judged.residuals) {
                let mut sum = [0.0; WIDTH];
                for residual in residuals {
                    add_scaled(&mut sum, 1.0, residual);
                }
                add_scaled(biases, 1.0, &sum);
            }
        }
        let mut gradient = Vec::with_capacity(point.len());
        for blocks in sums.chunks_exact(blocks) {
            gradient.extend_from_slice(&blocks.as_flattened()[..k]);
        }
        let n_penalised = if self.params.penalise_bias {
            point.len()
        } else {
            point.len() - k
        };
        let mut squares = 0.0;
        for (g, w) in gradient[..n_penalised].iter_mut().zip(point) {
            squares += w * w;
            *g += self.params.alpha * w;
        }
        (
            cost + 0.5 * self.params.alpha * squares,
            Array1::from_vec(gradient),
        )
    }

    /// The loss over the rows of a part, without the penalty, and its gradient with respect to
    /// their logits; `table` holds the weights and biases in columns of blocks.
    fn judge(&self, part: &Part, table: &[Vec<Block>]) -> Judged {
        let k = self.params.n_labels;
        let first = part.rows.start;
        let logits = |(at, table): (usize, &Vec<Block>)| {
            let (biases, weights) = table.split_last().expect("the biases are there");
            let start = |row: usize| {
                let mut start = *biases;
                let offset = self.records.offset(row, k).iter().skip(at * WIDTH);
                start.iter_mut().zip(offset).for_each(|(z, o)| *z += o);
                start
            };
            let mut logits = vec![[0.0; WIDTH]; part.rows.len()];
            let row = |at: usize| part.by_length[at] as usize;
            let done = |at: usize, z: Block| logits[row(at) - first] = z;
            self.records
                .products(part.rows.len(), row, weights, |at| start(row(at)), done);
            logits
        };
        let mut residuals: Vec<Vec<Block>> = table.iter().enumerate().map(logits).collect();
        let mut cost = 0.0;
        let mut z = Vec::with_capacity(k);
        for (at, row) in part.rows.clone().enumerate() {
            z.clear();
            z.extend(residuals.iter().flat_map(|blocks| blocks[at]).take(k));
            let normaliser = log_sum_exp(&z);
            let (target, weight) = (self.targets[row], self.row_weights[row]);
            cost += weight * (normaliser - z[target]);
            for (label, z) in z.iter().enumerate() {
                residuals[label / WIDTH][at][label % WIDTH] =
                    weight * (libm::exp(z - normaliser) - f64::from(label == target));
            }
        }
        Judged { cost, residuals }
    }

    /// Adds the gradient of one part with respect to the weights of a thread's features.
    fn add_gradient(&self, part: &Part, judged: &Judged, thread: usize, sums: &mut [Block]) {
        let first = self.features[thread].start;
        let Columns { features, values } = &part.columns[thread];
        let blocks = judged.residuals.len();
        for (block, residuals) in judged.residuals.iter().enumerate() {
            let add = |at: usize, sum: Block| {
                let feature = features[at] as usize - first;
                add_scaled(&mut sums[feature * blocks + block], 1.0, &sum);
            };
            let zero = |_| [0.0; WIDTH];
            values.products(features.len(), |at| at, residuals, zero, add);
        }
    }

    fn at(&self, point: &Array1<f64>) -> (f64, Array1<f64>) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*last {
            Some((known, cost, gradient)) if known == point => (*cost, gradient.clone()),
            _ => {
                let (cost, gradient) = self.evaluate(point);
                *last = Some((point.clone(), cost, gradient.clone()));
                (cost, gradient)
            }
        }
    }
}

impl CostFunction for Problem<'_> {
    type Param = Array1<f64>;
    type Output = f64;

    fn cost(&self, point: &Array1<f64>) -> std::result::Result<f64, argmin::core::Error> {
        Ok(self.at(point).0)
    }
}

impl Gradient for Problem<'_> {
    type Param = Array1<f64>;
    type Gradient = Array1<f64>;

    fn gradient(
        &self,
        point: &Array1<f64>,
    ) -> std::result::Result<Array1<f64>, argmin::core::Error> {
        Ok(self.at(point).1)
    }
}

#[cfg(test)]
mod tests {
    use linfa::traits::Predict;

    use super::*;

    const ROWS: usize = 24;
    const FEATURES: usize = 5;

    /// Row i holds 1 + i/10 at feature i mod 3 and 0.5 − i/20 more at 7i mod 5.
    fn dense() -> Array2<f64> {
        let mut x = Array2::zeros((ROWS, FEATURES));
        for i in 0..ROWS {
            x[(i, i % 3)] += 1.0 + i as f64 / 10.0;
            x[(i, i * 7 % 5)] += 0.5 - i as f64 / 20.0;
        }
        x
    }

    fn sparse() -> SparseRecords {
        let mut records = SparseRecords {
            starts: vec![0],
            n_features: FEATURES,
            ..SparseRecords::default()
        };
        for row in dense().rows() {
            for (id, value) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
                records.ids.push(id as u32);
                records.values.push(*value);
            }
            records.starts.push(records.ids.len());
        }
        records
    }

    fn targets() -> Array1<usize> {
        (0..ROWS).map(|i| (i * i + i / 5) % 3).collect()
    }

    fn weighted() -> DatasetBase<SparseRecords, Array1<usize>> {
        let weights = (0..ROWS).map(|i| 1.0 + (i % 4) as f32 / 2.0).collect();
        DatasetBase::new(sparse(), targets()).with_weights(weights)
    }

    fn params() -> LogisticParams {
        LogisticParams::new(3).alpha(0.5).gradient_tolerance(1e-9)
    }

    #[track_caller]
    fn check_gradient(n_labels: usize) {
        let params = LogisticParams::new(n_labels).balance(0.5).check().unwrap();
        let offsets = (0..ROWS * n_labels).map(|i| libm::cos(i as f64)).collect();
        let data = DatasetBase::new(sparse().with_offsets(offsets), targets());
        let problem = Problem::new(&params, &data).unwrap();
        let point: Array1<f64> = (0..(FEATURES + 1) * n_labels)
            .map(|i| libm::sin(i as f64))
            .collect();
        let (_, gradient) = problem.evaluate(&point);
        for i in 0..point.len() {
            let shifted = |by: f64| {
                let mut point = point.clone();
                point[i] += by;
                problem.evaluate(&point).0
            };
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!(
                (slope - gradient[i]).abs() < 1e-6,
                "{i}: {slope} against {}",
                gradient[i]
            );
        }
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        check_gradient(3);
        check_gradient(4);
        check_gradient(9);
    }

    /// scikit-learn 1.x, LogisticRegression(C=2, tol=1e-14) with the same sample weights.
    #[test]
    fn the_optimum_is_scikit_learns() {
        let fitted = params().fit(&weighted()).unwrap();
        assert!(
            (fitted.convergence.cost - 41.451_403_991_038_11).abs() < 1e-8,
            "{:?}",
            fitted.convergence
        );
        let first = [0.160_110_696, -0.022_201_461, -0.137_909_236];
        let last = [2.2037e-5, 0.483_963_856, -0.483_985_893];
        for (feature, expected) in [(0, first), (4, last)] {
            for (w, e) in fitted.linear.weights(feature).iter().zip(expected) {
                assert!((w - e).abs() < 1e-5, "{w} against {e}");
            }
        }
    }

    #[test]
    fn the_fit_agrees_with_linfa_logistics_own() {
        let data = DatasetBase::new(sparse(), targets());
        let ours = params().fit(&data).unwrap();
        let dense = DatasetBase::new(dense(), targets());
        let theirs = MultiLogisticRegression::default()
            .alpha(0.5)
            .gradient_tolerance(1e-9)
            .max_iterations(1000)
            .fit(&dense)
            .unwrap();
        let bias_shift = ours.linear.bias()[0] - theirs.intercept()[0];
        for label in 0..3 {
            assert!(
                (ours.linear.bias()[label] - theirs.intercept()[label] - bias_shift).abs() < 1e-6
            );
            for feature in 0..FEATURES {
                let (a, b) = (
                    ours.linear.weights(feature as u32)[label],
                    theirs.params()[(feature, label)],
                );
                assert!((a - b).abs() < 1e-6, "{a} against {b}");
            }
        }
        let as_linfa = ours.to_linfa().unwrap();
        let mut predicted = ours.default_target(&data.records);
        ours.predict_inplace(&data.records, &mut predicted);
        assert_eq!(as_linfa.predict(&dense.records), predicted);
    }

    #[test]
    fn threads_change_nothing() {
        let one = params().fit(&weighted()).unwrap().linear;
        for threads in [2, 3, 8, 64] {
            assert_eq!(
                params().threads(threads).fit(&weighted()).unwrap().linear,
                one
            );
        }
    }

    /// Offsets that a model explains leave nothing to fit: the gradient at zero is that of
    /// the model at its own weights.
    #[test]
    fn offsets_are_another_models_judgement() {
        let base = params().fit(&weighted()).unwrap().linear;
        let offsets: Vec<f64> = (0..ROWS)
            .flat_map(|row| {
                let mut logits = base.bias().to_vec();
                for (feature, value) in sparse().row(row) {
                    let weights = base.weights(feature as u32);
                    logits
                        .iter_mut()
                        .zip(weights)
                        .for_each(|(z, w)| *z += value * w);
                }
                logits
            })
            .collect();
        let records = sparse().with_offsets(offsets);
        let weights = (0..ROWS).map(|i| 1.0 + (i % 4) as f32 / 2.0).collect();
        let data = DatasetBase::new(records, targets()).with_weights(weights);
        let valid = params().penalise_bias(true).check().unwrap();
        let problem = Problem::new(&valid, &data).unwrap();
        let (cost, gradient) = problem.evaluate(&Array1::zeros((FEATURES + 1) * 3));
        let plain = params().check().unwrap();
        let plain_data = weighted();
        let plain = Problem::new(&plain, &plain_data).unwrap();
        let at: Vec<f64> = (0..FEATURES as u32)
            .flat_map(|f| base.weights(f).to_vec())
            .chain(base.bias().to_vec())
            .collect();
        let squares: f64 = at[..FEATURES * 3].iter().map(|w| w * w).sum();
        let (plain_cost, plain_gradient) = plain.evaluate(&Array1::from_vec(at.clone()));
        assert!((cost - (plain_cost - 0.25 * squares)).abs() < 1e-9);
        for i in 0..FEATURES * 3 {
            assert!((gradient[i] - (plain_gradient[i] - 0.5 * at[i])).abs() < 1e-9);
        }
    }

    /// A row scaled far beyond the others: subtracting the maximum of the whole matrix
    /// instead of each row's would lose the other rows' loss.
    #[test]
    fn one_huge_row_does_not_spoil_the_loss() {
        let mut records = sparse();
        records.values.iter_mut().take(2).for_each(|v| *v *= 1e4);
        let data = DatasetBase::new(records, targets());
        let fitted = params()
            .gradient_tolerance(1e-6)
            .allow_unconverged(true)
            .fit(&data)
            .unwrap();
        let params = params().check().unwrap();
        let problem = Problem::new(&params, &data).unwrap();
        let zero = problem.evaluate(&Array1::zeros((FEATURES + 1) * 3)).0;
        assert!((zero - ROWS as f64 * 3.0_f64.ln()).abs() < 1e-9);
        assert!(fitted.convergence.cost < zero);
    }

    #[track_caller]
    fn check_refused(params: LogisticParams, message: &str) {
        assert_eq!(
            params.check().unwrap_err().to_string(),
            format!("cannot train: {message}")
        );
    }

    #[test]
    fn senseless_parameters_are_refused() {
        check_refused(
            LogisticParams::new(1),
            "1 label; a classifier needs two or more",
        );
        check_refused(
            params().alpha(f64::NAN),
            "the penalty is NaN; it must be a number above 0",
        );
        check_refused(
            params().balance(2.0),
            "the balance is 2; it must lie between 0 and 1",
        );
        check_refused(
            params().threads(0),
            "tolerance, iterations and threads must be above 0",
        );
        let unconverged = params()
            .max_iterations(1)
            .fit(&weighted())
            .unwrap_err()
            .to_string();
        assert!(
            unconverged.starts_with("cannot train: not converged after 1 iterations"),
            "{unconverged}"
        );
        let empty = DatasetBase::new(SparseRecords::default(), Array1::zeros(0));
        assert_eq!(
            params().fit(&empty).unwrap_err().to_string(),
            "cannot train: 0 rows and 0 labels"
        );
    }

    /// Rows of about 100 of 20,000 features, frequent ones first as in texts, whose labels
    /// follow hidden weights.
    fn synthetic(rows: usize) -> DatasetBase<SparseRecords, Array1<usize>> {
        const COLUMNS: u64 = 20_000;
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            state >> 33
        };
        let mut records = SparseRecords {
            starts: vec![0],
            n_features: COLUMNS as usize,
            ..SparseRecords::default()
        };
        let mut targets = Vec::with_capacity(rows);
        for _ in 0..rows {
            let frequent = |draw: u64| (COLUMNS * draw / (1 << 31)) * draw / (1 << 31);
            let mut ids: Vec<u32> = (0..120).map(|_| frequent(random()) as u32).collect();
            ids.sort_unstable();
            ids.dedup();
            let length = (ids.len() as f64).sqrt();
            let mut votes = [0_u32; 4];
            for id in &ids {
                votes[(id.wrapping_mul(2_654_435_761) >> 30) as usize] += 1;
            }
            records.values.extend(ids.iter().map(|_| 1.0 / length));
            records.ids.extend(ids);
            records.starts.push(records.ids.len());
            let most = (0..4).max_by_key(|&label| votes[label]).unwrap_or(0);
            targets.push(if random() % 5 == 0 {
                (random() % 4) as usize
            } else {
                most
            });
        }
        DatasetBase::new(records, Array1::from_vec(targets))
    }

    /// The sparse objective at the optimum is that of scikit-learn 1.9 on the same matrix,
    /// LogisticRegression(C=1, tol=1e-12): `benches/peers.py` makes and fits it.
    #[test]
    fn the_objective_is_scikit_learns_on_a_large_matrix() {
        let params = LogisticParams::new(4).gradient_tolerance(1e-4);
        let fitted = params.fit(&synthetic(1000)).unwrap();
        let cost = fitted.convergence.cost;
        assert!((cost - 1_088.039_465_308_04).abs() < 1e-6, "{cost}");
    }

    /// Time a non-zero and iteration stays the same from 1,000 to 100,000 rows of 20,000
    /// features. Run with `cargo test --release --lib near_linear -- --ignored --nocapture`.
    #[test]
    #[ignore = "takes a minute, and measures time"]
    fn cost_is_near_linear_in_non_zeros() {
        let mut per_step = Vec::new();
        for rows in [1_000, 3_000, 10_000, 30_000, 100_000] {
            let data = synthetic(rows);
            let non_zeros = data.records.non_zeros();
            let begin = std::time::Instant::now();
            let fitted = LogisticParams::new(4)
                .gradient_tolerance(super::super::tolerance(rows))
                .threads(2)
                .fit(&data)
                .unwrap();
            let seconds = begin.elapsed().as_secs_f64();
            let iterations = fitted.convergence.iterations;
            let nanoseconds = seconds * 1e9 / non_zeros as f64 / iterations as f64;
            println!(
                "{rows:7} rows, {non_zeros:9} non-zeros: {seconds:6.2} s, {iterations} iterations, {nanoseconds:.2} ns a non-zero and iteration"
            );
            per_step.push(nanoseconds);
        }
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            let peak = status.lines().find(|line| line.starts_with("VmHWM"));
            println!("{}", peak.unwrap_or_default());
        }
        // At 1,000 rows the vectors of 80,000 weights cost more than the rows.
        assert!(per_step[4] < 2.0 * per_step[2], "{per_step:?}");
    }
}
