//! Folders of recordings to labelled examples: walk, manifest, splits, caches, synthetic corpus.
