//! Base rates: how common the labels are where a model is used.
//!
//! A model's probabilities hold where labels are as common as among its training postings.
//! Real streams are mostly Other. When their shares q are known, the probabilities follow
//! by Bayes' rule, p′(l | x) ∝ p(l | x) · qₗ / sₗ, where s are the shares that the model
//! believes in ([`crate::model::Calibration::shares`]); on logits that is a shift by
//! ln qₗ − ln sₗ. Unknown shares are estimated from unlabelled postings by expectation
//! maximisation (Saerens, Latinne & Decaestecker 2002).

use crate::error::{Error, Result};

/// No label is believed to be rarer than this.
const LEAST: f64 = 1e-6;

/// Reads shares or counts, "DS=5,MLE=3,MLOps=1,Other=91", in the order of `labels`;
/// they sum to 1 afterwards.
///
/// # Errors
/// [`Error::UnknownLabel`] for a label that is not there, [`Error::Prior`] when one is
/// missing, given twice, or no number of at least 0.
///
/// ```
/// let labels = ["DS".to_owned(), "Other".to_owned()];
/// assert_eq!(rolecall::prior::parse("Other=3,ds=1", &labels)?, [0.25, 0.75]);
/// # Ok::<(), rolecall::Error>(())
/// ```
pub fn parse(text: &str, labels: &[String]) -> Result<Vec<f64>> {
    let wrong = |reason: String| Error::Prior(reason);
    let mut shares = vec![None; labels.len()];
    for part in text.split(',') {
        let (label, share) = part
            .rsplit_once('=')
            .ok_or_else(|| wrong(format!("`{part}` is not of the form LABEL=SHARE")))?;
        let at = labels
            .iter()
            .position(|l| l.eq_ignore_ascii_case(label.trim()))
            .ok_or_else(|| Error::UnknownLabel {
                asked: label.trim().to_owned(),
                known: labels.to_vec(),
            })?;
        let number: Option<f64> = share.trim().trim_end_matches('%').parse().ok();
        let number = number.filter(|n| n.is_finite() && *n >= 0.0);
        let number = number.ok_or_else(|| {
            wrong(format!(
                "`{share}` is no share of {label}; give a number of at least 0"
            ))
        })?;
        if shares[at].replace(number).is_some() {
            return Err(wrong(format!("{} is given twice", labels[at])));
        }
    }
    let missing: Vec<&str> = labels
        .iter()
        .zip(&shares)
        .filter(|(_, share)| share.is_none())
        .map(|(label, _)| label.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(wrong(format!(
            "{} is missing; give a share for every label",
            missing.join(", ")
        )));
    }
    let shares: Vec<f64> = shares.into_iter().flatten().collect();
    let sum: f64 = shares.iter().sum();
    if sum <= 0.0 || !sum.is_finite() {
        return Err(wrong("the shares add up to nothing".to_owned()));
    }
    Ok(shares.iter().map(|share| share / sum).collect())
}

/// What is added to calibrated logits so that labels are as common as `prior` says
/// instead of as `shares` say. Both sum to 1.
#[must_use]
pub fn shift(prior: &[f64], shares: &[f64]) -> Vec<f64> {
    let ln = |share: &f64| libm::log(share.max(LEAST));
    prior
        .iter()
        .zip(shares)
        .map(|(q, s)| ln(q) - ln(s))
        .collect()
}

/// The shares of labels among unlabelled postings, from the ratios p(l | x) / sₗ of each
/// posting; uniform without postings. The likelihood rises with every iteration; it ends
/// when no share moves by more than 10⁻⁷.
#[must_use]
pub fn estimate(ratios: &[Vec<f64>]) -> Vec<f64> {
    const ITERATIONS: usize = 1000;
    let n_labels = ratios.first().map_or(1, Vec::len);
    let mut prior = vec![1.0 / n_labels as f64; n_labels];
    for _ in 0..ITERATIONS {
        let mut sums = vec![0.0; n_labels];
        for row in ratios {
            let all: f64 = row.iter().zip(&prior).map(|(r, q)| r * q).sum();
            let posterior = row.iter().zip(&prior).map(|(r, q)| r * q / all);
            sums.iter_mut()
                .zip(posterior)
                .for_each(|(sum, p)| *sum += p);
        }
        let next: Vec<f64> = sums
            .iter()
            .map(|sum| (sum / ratios.len().max(1) as f64).max(LEAST))
            .collect();
        let moved = next
            .iter()
            .zip(&prior)
            .fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        if ratios.is_empty() || moved < 1e-7 {
            break;
        }
        prior = next;
    }
    prior
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, message: &str) {
        let labels = ["DS", "Other"].map(str::to_owned);
        assert_eq!(parse(text, &labels).unwrap_err().to_string(), message);
    }

    #[test]
    fn shares_are_read_or_refused() {
        check_refused("DS", "--prior: `DS` is not of the form LABEL=SHARE");
        check_refused(
            "DS=1",
            "--prior: Other is missing; give a share for every label",
        );
        check_refused("DS=1,DS=2,Other=1", "--prior: DS is given twice");
        check_refused(
            "DS=x,Other=1",
            "--prior: `x` is no share of DS; give a number of at least 0",
        );
        check_refused(
            "DS=nan,Other=1",
            "--prior: `nan` is no share of DS; give a number of at least 0",
        );
        check_refused("DS=0,Other=0", "--prior: the shares add up to nothing");
        check_refused(
            "MLE=1,Other=1",
            "the model has no label `MLE`; its labels are DS, Other",
        );
    }

    /// Two labels, one sign that is seen with probability 0.8 under label 0 and 0.3 under
    /// label 1: of 1,000 postings with shares 0.1 and 0.9, 350 show it.
    #[test]
    fn shares_are_recovered_from_unlabelled_postings() {
        let seen = vec![vec![0.8, 0.3]; 350];
        let unseen = vec![vec![0.2, 0.7]; 650];
        let estimated = estimate(&[seen, unseen].concat());
        assert!((estimated[0] - 0.1).abs() < 1e-4, "{estimated:?}");
        assert!((estimated[0] + estimated[1] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_shift_is_bayes_rule() {
        let shift = shift(&[0.1, 0.9], &[0.5, 0.5]);
        let mut logits = vec![libm::log(0.8) + shift[0], libm::log(0.2) + shift[1]];
        crate::model::softmax(&mut logits);
        assert!((logits[0] - 0.08 / 0.26).abs() < 1e-12);
    }
}
