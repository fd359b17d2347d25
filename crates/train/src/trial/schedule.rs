//! The learning-rate schedule.

use std::f64::consts::PI;

use crate::config::{self, TrainConfig};

/// The learning rate over the epochs of a trial.
pub(super) enum Schedule {
    Plateau(Plateau),
    Cosine(Cosine),
}

impl Schedule {
    /// The schedule of `config`, which begins at `first_rate`.
    pub fn new(first_rate: f64, config: &TrainConfig) -> Self {
        match config.schedule {
            config::Schedule::Plateau => Self::Plateau(Plateau::new(first_rate, config)),
            config::Schedule::Cosine => Self::Cosine(Cosine { first_rate, epochs: config.epochs, ended: 0 }),
        }
    }

    /// The learning rate of the next epoch.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Plateau(plateau) => plateau.learning_rate,
            Self::Cosine(cosine) => cosine.learning_rate(),
        }
    }

    /// Takes the validation loss of an epoch that ended.
    pub fn step(&mut self, val_loss: f64) {
        match self {
            Self::Plateau(plateau) => plateau.step(val_loss),
            Self::Cosine(cosine) => cosine.ended += 1,
        }
    }
}

/// PyTorch's `CosineAnnealingLR` down to 0, in closed form (Loshchilov and Hutter 2017, equation 5, without restarts).
pub(super) struct Cosine {
    first_rate: f64,
    /// Number of epochs.
    epochs: usize,
    /// Epochs that ended.
    ended: usize,
}

impl Cosine {
    fn learning_rate(&self) -> f64 {
        0.5 * self.first_rate * (1.0 + (PI * self.ended as f64 / self.epochs as f64).cos())
    }
}

/// PyTorch's `ReduceLROnPlateau` in mode "min" with its relative threshold of 1e-4.
pub(super) struct Plateau {
    learning_rate: f64,
    factor: f64,
    patience: usize,
    lowest: f64,
    n_bad_epochs: usize,
}

impl Plateau {
    fn new(learning_rate: f64, config: &TrainConfig) -> Self {
        Self {
            learning_rate,
            factor: config.plateau_factor,
            patience: config.plateau_patience,
            lowest: f64::INFINITY,
            n_bad_epochs: 0,
        }
    }

    /// Takes the validation loss of an epoch and lowers the learning rate if there was no progress for too long.
    fn step(&mut self, val_loss: f64) {
        if val_loss < self.lowest * (1.0 - 1e-4) {
            self.lowest = val_loss;
            self.n_bad_epochs = 0;
            return;
        }
        self.n_bad_epochs += 1;
        if self.n_bad_epochs > self.patience {
            self.learning_rate *= self.factor;
            self.n_bad_epochs = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_as_in_pytorch() {
        // torch.optim.lr_scheduler.ReduceLROnPlateau(factor=0.5, patience=2) on the same losses.
        let config = TrainConfig { plateau_patience: 2, ..TrainConfig::default() };
        let mut plateau = Plateau::new(1.0, &config);
        let losses = [1.0, 0.9, 0.95, 0.9, 0.91, 0.9, 0.9, 0.9, 0.5];
        let rates: Vec<f64> = losses
            .iter()
            .map(|loss| {
                plateau.step(*loss);
                plateau.learning_rate
            })
            .collect();
        assert_eq!(rates, [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn the_rate_follows_a_cosine_as_in_pytorch() {
        // 0.1 * (1 + cos(pi * t / 5)) / 2 in NumPy: the closed form of torch.optim.lr_scheduler.CosineAnnealingLR(T_max=5).
        let expected = [0.1, 0.09045084971874738, 0.06545084971874737, 0.03454915028125263, 0.009549150281252633];
        let config = TrainConfig { epochs: 5, schedule: config::Schedule::Cosine, ..TrainConfig::default() };
        let mut schedule = Schedule::new(0.1, &config);
        for expected in expected {
            // f64, but the cosine is that of the platform.
            assert!((schedule.learning_rate() - expected).abs() < 1e-15, "{} {expected}", schedule.learning_rate());
            schedule.step(1.0);
        }
        assert!(schedule.learning_rate().abs() < 1e-15, "0 after the last epoch");
    }
}
