//! The phone directory: every individual, company and contact of Sellsy under its normalised numbers.
//!
//! Sellsy can filter only contacts by phone, and stores numbers as people typed them, so the resolver keeps its own
//! index in PostgreSQL. [`store`], [`known`], [`noted`] and [`contents`] are the SQL. [`sync`] fills it: a pass reads everything page by page and can continue
//! after a crash; between passes only changes are read. A look-up is one indexed query and no request to Sellsy.

pub mod contents;
pub mod known;
pub(crate) mod noted;
pub(crate) mod one;
pub mod opportunities;
pub mod pass;
pub mod store;
pub(crate) mod sync;
