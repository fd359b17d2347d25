//! The three lists of a split, of which the input is one.
#![no_main]

use dataset::split_from_csv;
use libfuzzer_sys::fuzz_target;
use readers::{corpus, with_file};

fuzz_target!(|bytes: &[u8]| {
    with_file("val.csv", b"path,label\nhungry/1.wav,hungry\n", |_| {});
    with_file("test.csv", b"path,label\n", |_| {});
    with_file("train.csv", bytes, |path| {
        if let (Some(folder), corpus) = (path.parent(), corpus())
            && let Ok(split) = split_from_csv(&corpus, folder)
        {
            assert_eq!(split.len(), corpus.recordings.len());
        }
    });
});
