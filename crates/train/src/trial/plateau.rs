//! The learning-rate schedule.

use crate::config::TrainConfig;

/// PyTorch's `ReduceLROnPlateau` in mode "min" with its relative threshold of 1e-4.
pub(super) struct Plateau {
    pub learning_rate: f64,
    factor: f64,
    patience: usize,
    lowest: f64,
    n_bad_epochs: usize,
}

impl Plateau {
    pub fn new(learning_rate: f64, config: &TrainConfig) -> Self {
        Self {
            learning_rate,
            factor: config.plateau_factor,
            patience: config.plateau_patience,
            lowest: f64::INFINITY,
            n_bad_epochs: 0,
        }
    }

    /// Takes the validation loss of an epoch and lowers the learning rate if there was no progress for too long.
    pub fn step(&mut self, val_loss: f64) {
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
}
