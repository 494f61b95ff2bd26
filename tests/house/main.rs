//! The house rules that neither cargo nor clippy checks, checked on the sources:
//!
//! - modules import each other in one direction. Cargo ensures this between crates, [`circles`] inside a crate. A child may use
//!   what its parents define: they are one unit split into several files;
//! - an item that only one crate uses is not in a shared crate ([`homes`]);
//! - what is stored is dated by the database's clock ([`clocks`]);
//! - the diagram of the crates in the documents is true ([`diagram`]).
//!
//! Sources are read as tokens, so comments and strings are ignored, and so is code under `#[cfg(test)]`. An import is a path;
//! following modules and `pub use` finds the file that defines its last name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod circles;
mod clocks;
mod diagram;
mod homes;
mod sources;
