//! The routes, one file per route or group of routes.

pub mod classify;
pub mod documents;
pub mod episodes;
pub mod events;
pub mod health;
pub mod model;
pub mod monitor;
pub mod page;
pub mod predict;
