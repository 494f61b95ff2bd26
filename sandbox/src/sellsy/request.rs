//! What every endpoint reads from a request: the query in PHP's notation, and a JSON object or list as body.

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde_json::{Map, Value};

use super::errors::{Error, Problems};

/// The query parameters. Lists are written `name[]=a&name[]=b` (or `name[0]=a`); without brackets they are ignored.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Parameters(pairs))
            .map_err(|_| Error::bad_request("Les paramètres de la requête sont illisibles."))
    }
}

impl Parameters {
    /// Of several values the last one, as in PHP.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A yes or no; absent, it is no.
    pub(super) fn flag(&self, name: &str, problems: &mut Problems) -> bool {
        match self.one(name) {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => {
                problems.invalid(name, "Cette valeur doit être un booléen");
                false
            }
        }
    }

    /// `verify`: the request is only checked.
    pub(super) fn only_verify(&self) -> Result<bool, Error> {
        let mut problems = Problems::default();
        let verify = self.flag("verify", &mut problems);
        problems.into_result().map(|()| verify)
    }

    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let in_list = |key: &str| {
            let index =
                key.strip_prefix(name).and_then(|rest| rest.strip_prefix('[')).and_then(|rest| rest.strip_suffix(']'));
            index.is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
        };
        self.0.iter().filter(|(key, _)| in_list(key)).map(|(_, value)| value.as_str()).collect()
    }
}

/// An id in the path; anything but a number gives 404.
#[derive(Debug, Clone, Copy)]
pub(super) struct Id(pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(id) = Path::<u64>::from_request_parts(parts, state).await.map_err(|_| Error::not_found())?;
        Ok(Id(id))
    }
}

pub(super) fn object(body: &Bytes) -> Result<Map<String, Value>, Error> {
    match json(body)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::bad_request("Le contenu de la requête doit être un objet JSON.")),
    }
}

/// A list; null or no body at all count as an empty one.
pub(super) fn list_or_null(body: &Bytes) -> Result<Vec<Value>, Error> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    match json(body)? {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        _ => Err(Error::bad_request("Le contenu de la requête doit être une liste JSON.")),
    }
}

fn json(body: &Bytes) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|_| Error::bad_request("Le contenu de la requête n'est pas du JSON valide."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_need_brackets() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let query = Parameters(vec![
            pair("type[]", "contact"),
            pair("type[1]", "company"),
            pair("type", "individual"),
            pair("limit", "5"),
            pair("limit", "7"),
        ]);
        assert_eq!(query.list("type"), ["contact", "company"]);
        assert_eq!(query.one("limit"), Some("7"));
    }
}
