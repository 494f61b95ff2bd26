//! The house rules that neither cargo nor clippy checks, read off the sources:
//!
//! - modules import each other in one direction. Between the crates cargo sees to that; inside a crate [`circles`] does. A child may
//!   use what its parents define: they are one thing told in several files;
//! - what only one crate uses is not in a shared one ([`homes`]);
//! - the diagram of the crates in the documents is true ([`diagram`]).
//!
//! Sources are read as tokens, so comments and texts count for nothing, and what is under `#[cfg(test)]` neither. An import is a
//! path; which file defines its last name is found by following modules and `pub use`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod circles;
mod diagram;
mod homes;
mod sources;
