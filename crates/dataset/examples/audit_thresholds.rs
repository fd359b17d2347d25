//! Prints the data behind the copy thresholds of the audit: for pairs of recordings with some landmarks in common, the
//! number of agreeing landmarks and the correlation of the waveforms.
//!
//! ```sh
//! cargo run --release -p dataset --example audit_thresholds -- DIR
//! ```

use std::path::Path;
use std::process::ExitCode;

use dataset::audit::{Compared, MIN_CORRELATION, compared_pairs};
use dataset::{Corpus, Error};

/// Pairs with fewer agreeing landmarks agree by chance.
const MIN_VOTES: usize = 5;

fn main() -> ExitCode {
    let Some(dir) = std::env::args().nth(1) else {
        eprintln!("usage: audit_thresholds DIR");
        return ExitCode::from(2);
    };
    match print(Path::new(&dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(dir: &Path) -> Result<(), Error> {
    let corpus = Corpus::scan(dir)?;
    let (copies, others): (Vec<Compared>, Vec<Compared>) =
        compared_pairs(&corpus, MIN_VOTES)?.into_iter().partition(|pair| pair.correlation >= MIN_CORRELATION);
    for (name, mut pairs) in [("copies", copies), ("others", others)] {
        println!("{name}: {} pairs with at least {MIN_VOTES} landmarks", pairs.len());
        let print_pair = |pair: &Compared| {
            let path = |index: usize| &corpus.recordings[index].path;
            println!(
                "  {} landmarks, correlation {:.3}: {} {}",
                pair.votes,
                pair.correlation,
                path(pair.a),
                path(pair.b)
            );
        };
        println!(" most landmarks");
        pairs.iter().take(4).for_each(print_pair);
        println!(" fewest landmarks");
        pairs.iter().rev().take(4).for_each(print_pair);
        pairs.sort_by(|a, b| b.correlation.total_cmp(&a.correlation));
        println!(" highest correlation");
        pairs.iter().take(4).for_each(print_pair);
        println!(" lowest correlation");
        pairs.iter().rev().take(4).for_each(print_pair);
    }
    Ok(())
}
