//! Nothing: this crate is its test, which reads the sources of all others.
