//! The names of the topics.

/// All topics of one monitor begin with the same prefix.
#[derive(Debug, Clone)]
pub(super) struct Topics {
    prefix: String,
}

impl Topics {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Whether the monitor is connected; the broker says "offline" itself when the connection breaks.
    pub(super) fn available(&self) -> String {
        format!("{}/available", self.prefix)
    }

    /// Whether sound arrives.
    pub(super) fn source_available(&self, source: &str) -> String {
        self.of(source, "available")
    }

    pub(super) fn crying(&self, source: &str) -> String {
        self.of(source, "crying")
    }

    pub(super) fn attributes(&self, source: &str) -> String {
        self.of(source, "attributes")
    }

    pub(super) fn level(&self, source: &str) -> String {
        self.of(source, "level")
    }

    pub(super) fn cry_score(&self, source: &str) -> String {
        self.of(source, "cry_score")
    }

    pub(super) fn episode(&self, source: &str) -> String {
        self.of(source, "episode")
    }

    /// Names `source` among all devices of the broker.
    pub(super) fn id(&self, source: &str) -> String {
        format!("{}_{source}", self.prefix_id())
    }

    /// Names the monitor to the broker. It is the same after a restart, so that the broker ends a connection that the earlier process
    /// left half open, with its "offline", before it accepts the new one.
    pub(super) fn client_id(&self) -> String {
        format!("monitor-{}", self.prefix_id())
    }

    fn prefix_id(&self) -> String {
        self.prefix.replace('/', "_")
    }

    fn of(&self, source: &str, leaf: &str) -> String {
        format!("{}/{source}/{leaf}", self.prefix)
    }
}
