//! Tests of early stopping, schedules and label smoothing.

use std::path::Path;
use std::time::Duration;

use experiment::seed;
use model::{Arch, BackboneWeights, HeadConfig};

use super::*;
use crate::config::{BackboneConfig, ClassWeights, Schedule};
use crate::embed::embeddings::Rows;
use crate::embed::whitening::Whitening;
use crate::tracking::watch::NOBODY;

const N_FEATURES: usize = 512;

/// Random embeddings of recordings with these classes.
fn rows(labels: &[usize]) -> Rows {
    let mut rng = seed::generator(labels.len() as u64, &["rows"]);
    let rows = (0..labels.len() * N_FEATURES).map(|_| rng.random_range(0.0..1.0)).collect();
    Rows { recordings: (0..labels.len()).collect(), labels: labels.to_vec(), rows }
}

/// Calls `test` with a setup that trains a head on a few embeddings.
fn with_setup<T>(config: &TrainConfig, test: impl FnOnce(&Setup) -> T) -> T {
    let device = Device::flex();
    let weights = BackboneWeights::random(Arch::RESNET18, 5).unwrap();
    let (backbone, whitening) = (BackboneConfig::default(), Whitening::none(true, &device));
    let start = Start { weights: &weights, backbone: &backbone, input: [N_FEATURES, 1, 1], whitening: &whitening };
    let (train, val) = (rows(&[0, 0, 0, 1, 1, 1, 2, 2, 0, 0]), rows(&[0, 1, 2, 0, 1, 2]));
    let data = Embeddings { n_classes: 3, n_features: N_FEATURES, n_views: 1, train, val, test: Rows::default() };
    test(&Setup { data: &data, start: &start, config, seed: 7, device: &device, search: "", watch: &NOBODY })
}

/// Epochs and best epoch of a head that is trained with `config`, with resume points after every epoch in `folder`.
fn trained(config: &TrainConfig, folder: &Path) -> (Vec<Epoch>, usize) {
    let trial = TrialConfig::new(Some(0.05), HeadConfig::mlp(8, 0.5));
    let resume = ResumeFolder::new(folder).every(Duration::ZERO);
    let trained = with_setup(config, |setup| train(setup, &trial, &resume).unwrap());
    (trained.epochs, trained.best)
}

#[test]
fn early_stopping_keeps_the_first_epochs_and_more_patience_resumes_them_bit_for_bit() {
    for schedule in [Schedule::Plateau, Schedule::Cosine] {
        let folder = || tempfile::tempdir().unwrap();
        let all = TrainConfig { epochs: 12, batch_size: 4, schedule, ..TrainConfig::default() };
        let (epochs, best) = trained(&all, folder().path());
        assert_eq!(epochs.len(), 12);
        for patience in [1, 3] {
            let resumed = folder();
            let (first, best_of_first) = trained(&TrainConfig { patience, ..all.clone() }, resumed.path());
            assert!(first.len() < 12 && epochs.starts_with(&first), "{patience}: {} epochs", first.len());
            assert_eq!(first.len() - 1 - best_of_first, patience);
            let better = (1..first.len() - 1).all(|end| {
                let best = (0..=end).min_by(|one, other| epochs[*one].rank(&epochs[*other])).unwrap();
                end - best < patience
            });
            assert!(better, "it did not stop before");
            assert_eq!(trained(&all, resumed.path()), (epochs.clone(), best), "it continues with more patience");
        }
    }
}

#[test]
fn a_cosine_over_more_epochs_does_not_continue_one_over_fewer() {
    let config = |epochs| TrainConfig { epochs, batch_size: 4, schedule: Schedule::Cosine, ..TrainConfig::default() };
    let [resumed, fresh] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let three = trained(&config(3), resumed.path());
    let six = trained(&config(6), fresh.path());
    assert_ne!(three.0[..], six.0[..3]);
    assert_eq!(trained(&config(6), resumed.path()), six);
}

#[test]
fn label_smoothing_equals_pytorchs_with_class_weights() {
    // torch.nn.CrossEntropyLoss(weight=w, label_smoothing=0.1) as its documentation defines it, in f64 with NumPy 2.4:
    //   logp = x - logsumexp(x); w = [10 / 15, 10 / 9, 10 / 6]
    //   q = 0.9 * onehot(y) + 0.1 / 3; -(w * q * logp).sum() / w[y].sum()
    let logits = [[1.0, -0.5, 0.25], [0.1, 0.2, -0.3], [2.0, 0.0, -1.0]];
    let labels = [0, 2, 1];
    for (class_weights, smoothing, expected) in [
        (ClassWeights::Balanced, 0.1, 1.5014557293244493),
        (ClassWeights::None, 0.1, 1.3767720285438403),
        (ClassWeights::Balanced, 0.0, 1.4896364352256002),
    ] {
        let config = TrainConfig { class_weights, ..TrainConfig::default() };
        let loss = with_setup(&config, |setup| {
            let device = Device::flex();
            scalar(
                &criterion(setup, smoothing, &device)
                    .forward(Tensor::from_floats(logits, &device), int_tensor(&labels, &device)),
            )
        });
        // Sums of a few values near 1 in f32.
        assert!((loss.unwrap() - expected).abs() < 1e-6, "{class_weights:?} {smoothing}");
    }
}
