//! Embedding with a cache: a frozen network runs only on what the cache does not hold.

use dataset::{Key, Table};
use model::Engine;
use rayon::prelude::*;

use crate::Error;

/// A frozen network whose outputs are cached.
pub(crate) struct CachedEngine<'a> {
    pub engine: &'a dyn Engine,
}

/// Rows of outputs that are stored together.
pub(crate) struct Entry<'a> {
    /// Where they are stored; `None` if nothing is cached, because the images pass unchanged.
    pub table: Option<&'a Table<f32>>,
    pub key: Key,
    pub n_rows: usize,
}

/// The images behind the rows of an entry. Rows that show the same image share it.
pub(crate) struct Images {
    pub images: Vec<Vec<f32>>,
    /// Index into `images` for each row, `[n_rows]`.
    pub image_of_row: Vec<usize>,
}

impl Images {
    /// One row for each image.
    pub fn distinct(images: Vec<Vec<f32>>) -> Self {
        Self { image_of_row: (0..images.len()).collect(), images }
    }
}

impl Entry<'_> {
    /// The stored rows, `[length]`.
    fn stored(&self, length: usize) -> Option<Vec<f32>> {
        self.table?.get(&self.key).filter(|rows| rows.len() == length)
    }
}

impl CachedEngine<'_> {
    /// Returns the rows of each entry, `[n_rows, n_outputs]` row-major. `images` returns the images of the entry with a given
    /// index and is called only for entries that the cache lacks; their images are embedded together.
    ///
    /// # Errors
    /// The error of `images`, [`Error::Device`] if the network gives no result, [`Error::Dataset`] if the cache cannot be
    /// written.
    pub fn embed(
        &self,
        entries: &[Entry],
        images: impl Fn(usize) -> Result<Images, Error> + Sync,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let n_outputs = self.engine.n_outputs();
        let mut found: Vec<Option<Vec<f32>>> =
            entries.iter().map(|entry| entry.stored(entry.n_rows * n_outputs)).collect();
        let missing: Vec<usize> = (0..entries.len()).filter(|index| found[*index].is_none()).collect();
        let images: Vec<Images> = missing.par_iter().map(|index| images(*index)).collect::<Result<_, _>>()?;
        let pixels: Vec<f32> = images.iter().flat_map(|entry| entry.images.iter().flatten().copied()).collect();
        let embedded = self.engine.embed(&pixels).map_err(Error::device("the network gave no embedding"))?;
        let mut first_image = 0;
        for (index, images) in missing.into_iter().zip(images) {
            let row =
                |image: &usize| &embedded[(first_image + image) * n_outputs..(first_image + image + 1) * n_outputs];
            let rows: Vec<f32> = images.image_of_row.iter().flat_map(row).copied().collect();
            first_image += images.images.len();
            let entry = &entries[index];
            if let Some(table) = entry.table {
                table.put(&entry.key, &rows)?;
            }
            found[index] = Some(rows);
        }
        Ok(found.into_iter().flatten().collect())
    }
}
