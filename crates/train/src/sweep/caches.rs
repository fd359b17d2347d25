//! Fills the caches of a run, so that its shards find them.

use dataset::Split;

use super::engines::Engines;
use super::prepare::Prepared;
use super::search_data::cached_passes;
use super::shard::Shard;
use crate::Error;
use crate::corpus::plan::Places;

/// Embeds every recording in each of its roles: with views if it trains in any search, without if it is held out in one. Only
/// the recordings of `shard`, if there is one. Returns the number of recordings.
pub(super) fn fill(prepared: &Prepared, shard: Option<Shard>) -> Result<usize, Error> {
    let engines = Engines::new(prepared)?;
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
    let train = places(Split::Train, |split| split == Split::Train);
    let held_out = places(Split::Test, |split| split != Split::Train);
    for pass in cached_passes(prepared, &engines) {
        pass.fill_cache(&train)?;
        pass.fill_cache(&held_out)?;
    }
    Ok(n_taken)
}
