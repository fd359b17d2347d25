//! The baseline of a search: logistic regression on the same embeddings, with C chosen on validation, scored on test.
//!
//! It competes with no trial, and nothing of it is kept but its answers on test. It follows from the embeddings alone and draws
//! nothing at random, and whoever scores a search on test fits it, so a merge has the bytes of a run on one machine. At most
//! [`MAX_RECORDINGS`] training recordings keep it cheap on large corpora.

use std::borrow::Cow;

use experiment::{Scored, TrialConfig, seed};
use model::{HeadConfig, HeadKind, Trainable};
use rand::seq::index;
use rayon::prelude::*;

use super::encoding::Encoding;
use super::prepare::Prepared;
use super::searches::SplitSearch;
use crate::Error;
use crate::config::{BackboneConfig, SweepConfig};
use crate::embed::embeddings::{Embeddings, Rows};
use crate::embed::whitening::Whitening;
use crate::tracking::watch::NOBODY;
use crate::trial::trainable_part::Start;
use crate::trial::{self, Setup, Trained};

/// Most training recordings that it is fitted to; of more, so many are drawn with the seed of the search.
const MAX_RECORDINGS: usize = 20_000;

/// The baseline of one search.
#[derive(Clone)]
pub(super) struct Baseline {
    /// The C that validation chose.
    pub c: f64,
    /// Test with its probabilities; empty if the split has no test.
    pub test: Scored,
}

/// The values of C among which validation chooses.
pub(super) fn path() -> Vec<f64> {
    SweepConfig::path_of_c()
}

/// The baseline of `search`, whose embeddings with `encoding` are `plain`; `None` if its head is a logistic regression itself.
///
/// # Errors
/// [`Error::Numerical`] if an embedding is not finite, [`Error::Diverged`] if no fit converges, [`Error::Device`] if the device
/// gives no result.
pub(super) fn fit(
    prepared: &Prepared,
    encoding: &Encoding,
    search: &SplitSearch,
    plain: &Embeddings,
) -> Result<Option<Baseline>, Error> {
    let (config, device) = (&encoding.config, prepared.compute.device());
    if config.head.kind == HeadKind::Logistic {
        return Ok(None);
    }
    let backbone = BackboneConfig { train: Trainable::None, ..config.backbone.clone() };
    let start = Start {
        weights: &encoding.backbone.weights,
        backbone: &backbone,
        input: [plain.n_features, 1, 1],
        whitening: &Whitening::none(false, device),
    };
    let seed = search.seed(config.seed);
    let data = at_most(MAX_RECORDINGS, plain, seed);
    let setup =
        Setup { data: &data, start: &start, config: &config.train, seed, device, search: &search.name, watch: &NOBODY };
    let regression = trial::regression(&setup)?;
    let fit = |c: f64| -> Result<(f64, Trained), Error> {
        let trial = TrialConfig::new(None, HeadConfig::logistic(c));
        Ok((c, trial::fitted(&setup, &trial, &regression, c)?))
    };
    let fits: Vec<Result<(f64, Trained), Error>> = path().into_par_iter().map(fit).collect();
    let (c, best) = best(fits)?;
    let probabilities = match plain.test.recordings.is_empty() {
        true => Vec::new(),
        false => best.part.probabilities(&start, &plain.test.rows)?,
    };
    Ok(Some(Baseline { c, test: Scored { recordings: plain.test.recordings.clone(), probabilities } }))
}

/// The best fit by validation, the first of equal ones. Those that did not converge are passed over.
fn best(fits: Vec<Result<(f64, Trained), Error>>) -> Result<(f64, Trained), Error> {
    let (mut converged, mut first_error) = (Vec::new(), None);
    for fit in fits {
        match fit {
            Ok(fit) => converged.push(fit),
            Err(error @ Error::Diverged(_)) => _ = first_error.get_or_insert(error),
            Err(error) => return Err(error),
        }
    }
    let rank = |(_, one): &(f64, Trained), (_, other): &(f64, Trained)| one.chosen().rank(other.chosen());
    let none = || first_error.unwrap_or_else(|| Error::Diverged("the baseline has no C to fit".into()));
    converged.into_iter().min_by(rank).ok_or_else(none)
}

/// `plain` with at most `most` training recordings, drawn with `seed`.
fn at_most(most: usize, plain: &Embeddings, seed: u64) -> Cow<'_, Embeddings> {
    let n = plain.train.recordings.len();
    if n <= most {
        return Cow::Borrowed(plain);
    }
    let mut drawn = index::sample(&mut seed::generator(seed, &["baseline"]), n, most).into_vec();
    drawn.sort_unstable();
    let of_each = |values: &[usize]| drawn.iter().map(|index| values[*index]).collect();
    let views = drawn.iter().flat_map(|index| (0..plain.n_views).map(|view| plain.train_view(*index, view)));
    let train = Rows {
        recordings: of_each(&plain.train.recordings),
        labels: of_each(&plain.train.labels),
        rows: views.flatten().copied().collect(),
    };
    Cow::Owned(Embeddings { train, val: plain.val.clone(), test: Rows::default(), ..*plain })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn at_most_so_many_recordings_are_drawn_with_all_their_views() {
        let rows = |n: usize, n_views: usize| Rows {
            recordings: (0..n).map(|index| 100 + index).collect(),
            labels: (0..n).collect(),
            rows: (0..2 * n * n_views).map(|value| value as f32).collect(),
        };
        let plain = Embeddings {
            n_classes: 9,
            n_features: 2,
            n_views: 3,
            train: rows(50, 3),
            val: rows(4, 1),
            test: rows(3, 1),
        };
        assert!(matches!(at_most(50, &plain, 1), Cow::Borrowed(_)));
        let fewer = at_most(8, &plain, 1);
        let labels = &fewer.train.labels;
        assert!(labels.len() == 8 && labels.is_sorted() && labels.windows(2).all(|pair| pair[0] != pair[1]));
        for (index, label) in labels.iter().enumerate() {
            assert_eq!(fewer.train.recordings[index], 100 + label);
            assert!((0..3).all(|view| fewer.train_view(index, view) == plain.train_view(*label, view)));
        }
        assert_eq!((&fewer.val, &fewer), (&plain.val, &at_most(8, &plain, 1)));
        assert_ne!(fewer, at_most(8, &plain, 2), "the seed decides");
    }

    #[test]
    fn the_first_of_the_best_is_chosen_and_only_divergence_is_passed_over() {
        let fit = |c: f64, val_macro_f1: f64| {
            let head = model::Head::Logistic(model::Logistic::new(vec![0.0; 2], vec![0.0; 2], &model::cpu()));
            let part = crate::trial::trainable_part::TrainablePart { backbone: None, head };
            let epoch =
                experiment::Epoch { epoch: 1, learning_rate: 0.0, train_loss: 1.0, val_loss: 1.0, val_macro_f1 };
            Ok((c, Trained { part, best: 0, epochs: vec![epoch] }))
        };
        let diverged = || Err(Error::Diverged("did not converge".into()));
        assert_eq!(best(vec![fit(1.0, 0.2), fit(2.0, 0.3), diverged(), fit(3.0, 0.3)]).unwrap().0, 2.0);
        assert!(matches!(best(vec![diverged(), diverged()]), Err(Error::Diverged(_))));
        assert!(matches!(best(vec![fit(1.0, 0.2), Err(Error::Interrupted)]), Err(Error::Interrupted)));
    }
}
