//! What is wanted of a list of calls, as its address says it.

use serde::Deserialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    pub(super) q: String,
    pub(super) agent: String,
    pub(super) state: String,
    pub(super) from: String,
    pub(super) until: String,
    /// As [`crate::search::Order`] is written.
    pub(super) sort: String,
    /// The last call of the previous page: its [place](super::calls::place).
    pub(super) after: String,
}

impl Filters {
    /// Those that are set.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("q", &self.q),
            ("agent", &self.agent),
            ("state", &self.state),
            ("from", &self.from),
            ("until", &self.until),
            ("sort", &self.sort),
        ];
        fields.into_iter().map(|(name, value)| (name, value.as_str())).filter(|(_, value)| !value.is_empty())
    }
}

/// The address of this search, from its first page or after the call at this place.
pub(super) fn address(filters: &Filters, after: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filters.fields());
    if let Some(place) = after {
        query.append_pair("after", place);
    }
    format!("/calls?{}", query.finish())
}
