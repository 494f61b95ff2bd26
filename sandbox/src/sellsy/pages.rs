//! The application's own pages, as somebody sees them who has not signed in. No document has their addresses.
//!
//! A client cannot sign in, so all that it sees is where it is sent. A test chooses ([`Pages`]).

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Account;
use super::undocumented::Pages;

const KNOWN: [&str; 5] = [
    "/pages/thirds/client/",
    "/pages/thirds/prospect/",
    "/pages/thirds/supplier/",
    "/pages/peoples/",
    "/pages/prospection/opportunities/",
];

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pages: Pages,
}

pub(super) fn router() -> Router<Account> {
    // Not nested: then the root, which has the query form, would not be there.
    Router::new().route("/pages/", get(page)).route("/pages/{*path}", get(page))
}

async fn page(State(account): State<Account>, uri: Uri) -> Response {
    let is_known = match account.store().pages {
        Pages::Alike => true,
        Pages::Known => KNOWN.iter().any(|known| uri.path().starts_with(known)),
        Pages::Query => uri.query().is_some_and(|query| query.starts_with("_f=")),
    };
    if is_known {
        return (StatusCode::FOUND, [(header::LOCATION, "/pages/login")]).into_response();
    }
    (StatusCode::NOT_FOUND, "<html><body>Page introuvable</body></html>").into_response()
}

pub(super) async fn settings(State(account): State<Account>) -> Json<Settings> {
    Json(Settings { pages: account.store().pages })
}

pub(super) async fn set(State(account): State<Account>, Json(settings): Json<Settings>) -> Json<Settings> {
    account.store().pages = settings.pages;
    Json(settings)
}
