//! The processor that this program runs on.

use std::sync::LazyLock;

/// Model of the processor, such as `AMD EPYC 7763 64-Core Processor`; its architecture where the system does not say it.
pub(crate) fn model() -> &'static str {
    static MODEL: LazyLock<String> = LazyLock::new(|| {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        model_in(&text).unwrap_or(std::env::consts::ARCH).to_owned()
    });
    &MODEL
}

/// The first model in the text of Linux' `/proc/cpuinfo`.
fn model_in(text: &str) -> Option<&str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(key, _)| key.trim() == "model name").map(|(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_from_cpuinfo() {
        let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: Some CPU @ 2.0 GHz: fast\n\nmodel name\t: Other\n";
        assert_eq!(model_in(text), Some("Some CPU @ 2.0 GHz: fast"));
        assert_eq!(model_in("processor : 0\nCPU implementer : 0x41\n"), None);
        assert!(!model().is_empty());
    }
}
