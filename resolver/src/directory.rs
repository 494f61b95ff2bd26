//! The phone directory: every individual, company and contact of Sellsy under its normalised numbers.
//!
//! Sellsy can filter only contacts by phone and keeps numbers as people typed them, so the resolver keeps its own
//! index in PostgreSQL. [`store`] is the SQL, [`sync`] fills it: a pass reads everything page by page and can go on
//! after a crash, in between only changes are read. A look-up is one indexed query and no request.

pub mod store;
pub(crate) mod sync;
