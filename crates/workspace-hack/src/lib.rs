//! No code. `Cargo.toml` lists the features of shared dependencies, so that building one package and building the
//! whole workspace compile each of them once. The name is the customary one.
