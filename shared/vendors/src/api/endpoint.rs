//! A kind of request, written once: `endpoint!(GET "/contacts/{id}/companies")`.

use reqwest::Method;

/// Method and path; `{id}` in the path is a placeholder.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Method and path, as in metrics, timelines and errors. It never contains an id.
    pub(crate) name: &'static str,
    /// A success needs no body, and its body is not read.
    pub(crate) any_body: bool,
}

impl Endpoint {
    /// Whether a request only reads: searches are POSTs.
    pub(crate) fn is_read(&self) -> bool {
        self.method == Method::GET || self.path.ends_with("/search")
    }

    /// The path with `{id}` replaced.
    pub(crate) fn path_of(&self, id: i64) -> String {
        self.path.replace("{id}", &id.to_string())
    }
}

macro_rules! endpoint {
    ($method:ident $path:literal) => {
        $crate::api::endpoint!($method $path, any_body: false)
    };
    ($method:ident $path:literal, any_body: $any_body:literal) => {
        $crate::api::Endpoint {
            method: ::reqwest::Method::$method,
            path: $path,
            name: concat!(stringify!($method), " ", $path),
            any_body: $any_body,
        }
    };
}
pub(crate) use endpoint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_replaces_the_placeholder_in_the_path_but_not_in_the_name() {
        let companies: Endpoint = endpoint!(GET "/contacts/{id}/companies");
        assert_eq!(companies.path_of(4002), "/contacts/4002/companies");
        assert_eq!(companies.name, "GET /contacts/{id}/companies");
        assert_eq!(companies.method, Method::GET);
    }
}
