//! Fills the caches of a run, so that its shards find them.

use dataset::Split;

use super::grid;
use super::prepare::Prepared;
use super::search_data::cached_passes;
use super::shard::Shard;
use crate::Error;
use crate::corpus::plan::Places;

/// Embeds every recording in each of its roles: with views if it trains in any search, without if it is held out in one. Only
/// the recordings of `shard`, if there is one. Returns the number of recordings.
pub(super) fn fill(prepared: &Prepared, shard: Option<Shard>) -> Result<usize, Error> {
    let members = prepared.data.plan.members();
    let mut n_taken = 0;
    let mut taken = vec![false; members.len()];
    for (n, (index, _)) in members.iter().enumerate().filter(|(_, takes_part)| **takes_part).enumerate() {
        taken[index] = shard.is_none_or(|shard| shard.takes(n));
        n_taken += usize::from(taken[index]);
    }
    let searches = prepared.data.plan.searches();
    let places = |split: Split, has_role: fn(Split) -> bool| -> Places {
        let in_any = |index: usize| searches.iter().any(|places| places[index].is_some_and(has_role));
        taken.iter().enumerate().map(|(index, taken)| (*taken && in_any(index)).then_some(split)).collect()
    };
    // Inner folds train on validation and hold out parts of training.
    let (train, held_out) = match prepared.config.sweep.inner_folds {
        0 => (places(Split::Train, |split| split == Split::Train), places(Split::Test, |split| split != Split::Train)),
        _ => (places(Split::Train, |split| split != Split::Test), places(Split::Test, |_| true)),
    };
    for encoding in prepared.encodings.of_all(&grid::trials(prepared.config))? {
        for pass in cached_passes(prepared, &encoding)? {
            pass.fill_cache(&train)?;
            pass.fill_cache(&held_out)?;
        }
    }
    Ok(n_taken)
}
