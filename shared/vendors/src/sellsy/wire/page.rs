//! Lists, which Sellsy returns page by page.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tolerant;

/// `{"data": […], "pagination": {…}}`.
///
/// Rows are read one by one: one that cannot be read is left out and counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Rows", bound(deserialize = "T: DeserializeOwned"))]
pub struct Page<T> {
    pub data: Vec<T>,
    pub pagination: Pagination,
    /// Rows of the answer that could not be read.
    #[serde(skip)]
    pub unreadable: u64,
    /// In this account a page with fewer rows than its limit need not be the last one.
    #[serde(skip)]
    pub can_be_short: bool,
}

#[derive(Deserialize)]
struct Rows {
    #[serde(default, deserialize_with = "tolerant::list")]
    data: Vec<Value>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pagination: Option<Pagination>,
}

impl<T: DeserializeOwned> From<Rows> for Page<T> {
    fn from(rows: Rows) -> Self {
        let (data, unreadable) = tolerant::readable(rows.data);
        Self { data, pagination: rows.pagination.unwrap_or_default(), unreadable, can_be_short: false }
    }
}

impl<T> Page<T> {
    /// The same page with something else in place of each row.
    pub fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        let Self { data, pagination, unreadable, can_be_short } = self;
        Page { data: data.into_iter().map(of).collect(), pagination, unreadable, can_be_short }
    }

    /// The `offset` of the next page, or `None` on the last one, which has fewer rows than its limit. Past the end Sellsy
    /// keeps returning empty pages with the old offset, so following the offset alone would never end.
    pub fn next_offset(&self) -> Option<&Offset> {
        let (limit, rows) = (self.pagination.limit?, self.data.len() as u64 + self.unreadable);
        let count = self.pagination.count.unwrap_or(rows);
        // Whatever the page says of itself: following empty ones would never end.
        if limit == 0 || rows == 0 || count < limit && !self.can_be_short {
            None
        } else {
            self.pagination.offset.as_ref()
        }
    }
}

/// The position of a page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pagination {
    /// 0 to 100.
    #[serde(default, deserialize_with = "tolerant::count")]
    pub limit: Option<u64>,
    /// Rows on this page.
    #[serde(default, deserialize_with = "tolerant::count")]
    pub count: Option<u64>,
    /// Rows on all pages.
    #[serde(default, deserialize_with = "tolerant::count")]
    pub total: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub offset: Option<Offset>,
}

/// Must be sent back unchanged: a row number when paging began with `offset=0`, else an opaque text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Offset {
    Row(u64),
    Seek(String),
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row(row) => row.fmt(f),
            Self::Seek(text) => f.write_str(text),
        }
    }
}
