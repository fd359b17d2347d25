//! What can be asked, one file a question.

pub mod classify;
pub mod documents;
pub mod health;
pub mod model;
pub mod page;
pub mod predict;
