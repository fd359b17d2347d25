//! The configurations that come with the program: the files of `configs/`.

/// Name and TOML text of each, in alphabetical order.
pub const BUILT_IN: [(&str, &str); 14] = [
    ("compact.toml", include_str!("../../../../configs/compact.toml")),
    ("corpora.toml", include_str!("../../../../configs/corpora.toml")),
    ("cry512.toml", include_str!("../../../../configs/cry512.toml")),
    ("cv.toml", include_str!("../../../../configs/cv.toml")),
    ("imagenet.toml", include_str!("../../../../configs/imagenet.toml")),
    ("logistic.toml", include_str!("../../../../configs/logistic.toml")),
    ("onnx.toml", include_str!("../../../../configs/onnx.toml")),
    ("pretrain.toml", include_str!("../../../../configs/pretrain.toml")),
    ("quick.toml", include_str!("../../../../configs/quick.toml")),
    ("random.toml", include_str!("../../../../configs/random.toml")),
    ("sweep.toml", include_str!("../../../../configs/sweep.toml")),
    ("table.toml", include_str!("../../../../configs/table.toml")),
    ("temporal.toml", include_str!("../../../../configs/temporal.toml")),
    ("yamnet.toml", include_str!("../../../../configs/yamnet.toml")),
];

/// The TOML text of the built-in configuration called `name`, with or without `.toml`.
pub fn find(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches(".toml");
    BUILT_IN.iter().find(|(known, _)| known.trim_end_matches(".toml") == name).map(|(_, text)| *text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_configs_is_built_in() {
        let mut files: Vec<String> = std::fs::read_dir("../../configs")
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, BUILT_IN.map(|(name, _)| name.to_owned()));
    }

    #[test]
    fn a_name_is_found_with_and_without_its_ending() {
        assert!(find("sweep").is_some() && find("sweep") == find("sweep.toml"));
        assert_eq!(find("nothing"), None);
    }
}
