//! First step of the sweep: the corpus and the backbone.

use std::time::Instant;

use dataset::ImageStore;
use experiment::Leaks;
use model::Compute;

use crate::Error;
use crate::backbone::{self, Resolved};
use crate::config::Config;
use crate::corpus::locate::Located;
use crate::corpus::prepared::PreparedCorpus;
use crate::corpus::readable::{self, Readable};

/// Everything that a sweep starts from.
pub(super) struct Prepared<'a> {
    pub config: &'a Config,
    pub compute: &'a Compute,
    pub data: PreparedCorpus,
    /// Paths of the recordings that cannot be read.
    pub unreadable: Vec<String>,
    pub images: ImageStore,
    pub backbone: Resolved,
    pub leaks: Leaks,
    /// Engine and device, such as `rten on cpu`.
    pub engine: String,
    /// When the sweep started.
    pub started: Instant,
}

impl Prepared<'_> {
    /// Everything that decides the outputs of the backbone as loaded: engine, device and weights.
    pub fn backbone_key(&self) -> String {
        format!("{} {}", self.engine, self.backbone.summary.fingerprint)
    }
}

/// Locates and decodes the recordings, splits them and loads the backbone.
pub(super) fn prepare<'a>(config: &'a Config, compute: &'a Compute) -> Result<Prepared<'a>, Error> {
    let started = Instant::now();
    let located = Located::find(&config.data, config.strict)?;
    let images = ImageStore::new(&config.data.cache_dir(), &config.features)?;
    let Readable { usable, unreadable } = readable::check(&located.corpus, &images, config.data.skip_unreadable)?;
    let data = PreparedCorpus::new(located, usable, &config.data, config.seed)?;
    let backbone = backbone::resolve(&config.backbone, config.strict, config.seed)?;
    let leaks = data.leaks(&backbone.pretraining);
    let engine = format!("{} on {}", compute.engine_name(), compute.device_name());
    Ok(Prepared { config, compute, data, unreadable, images, backbone, leaks, engine, started })
}
