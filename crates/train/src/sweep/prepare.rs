//! Second step of the sweep: the recordings are decoded, unless they were before, and split.

use std::path::PathBuf;
use std::time::Instant;

use dataset::count;
use experiment::{Identity, Leaks, RunFolder};
use model::Compute;

use super::encoding::{Encoding, Encodings};
use super::inputs::Inputs;
use crate::Error;
use crate::config::Config;
use crate::corpus::prepared::PreparedCorpus;
use crate::identity::IdentityParts;
use crate::terminal::stderr;
use crate::tracking::watch::Watch;

/// Everything that a sweep starts from.
pub(super) struct Prepared<'a> {
    pub config: &'a Config,
    pub compute: &'a Compute,
    pub data: PreparedCorpus,
    /// What trials are trained on.
    pub encodings: Encodings,
    /// Folder of the tables of embeddings.
    pub embedding_tables: PathBuf,
    pub leaks: Leaks,
    /// Engine and device, such as `rten on cpu`.
    pub engine: String,
    pub identity: Identity,
    /// What the identity hashes.
    pub parts: IdentityParts,
    /// Is told what the run does.
    pub watch: &'a dyn Watch,
    /// When the sweep started.
    pub started: Instant,
}

impl Prepared<'_> {
    /// The encoding of the run's configuration.
    pub fn base(&self) -> &Encoding {
        self.encodings.base()
    }

    /// Prints where trials are written, and what they are trained on.
    pub fn print(&self, folder: &RunFolder) {
        let Self { data, engine, .. } = self;
        let summary = &self.base().backbone.summary;
        stderr::line(format_args!(
            "run        {}\ndata       {} ({})\nsplit      {}\nbackbone   {}: {}\nengine     {engine}",
            folder.path.display(),
            data.corpus.root.display(),
            count(data.corpus.recordings.len(), "recording"),
            data.plan.rule,
            summary.arch,
            summary.used
        ));
    }
}

/// Decodes the recordings and splits them; `watch` is told of what follows.
pub(super) fn prepare<'a>(inputs: Inputs<'a>, watch: &'a dyn Watch) -> Result<Prepared<'a>, Error> {
    let Inputs { config, compute, located, backbone, engine, identity, parts, started } = inputs;
    let base = Encoding::new(config.clone(), backbone.into(), engine.clone())?;
    let data = PreparedCorpus::new(located, &base.extractor, &config.data, config.seed)?;
    let leaks = data.leaks(&base.backbone.pretraining);
    let embedding_tables = config.data.embedding_tables();
    Ok(Prepared {
        config,
        compute,
        data,
        encodings: Encodings::new(base),
        embedding_tables,
        leaks,
        engine,
        identity,
        parts,
        watch,
        started,
    })
}
