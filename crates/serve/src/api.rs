//! The routes, one file per route or group of routes.

pub mod classify;
pub mod documents;
pub mod health;
pub mod model;
pub mod page;
pub mod predict;
