//! Every address of the console, and what it asks of those who use it. One that is not here is for nobody.

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};

use serde_json::Value;

use super::{
    MAX_FORM, Shared, again, api, audit,
    auth::{self, Needed},
    backfill, by_hand, call, calls, checked, conversations, dead, directory, followups, forgotten, layout, letter,
    missed, overview, pinned, reports, rules, saved, webhook,
};
use crate::access::Role;

/// One method of one path.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) needed: Needed,
    handler: MethodRouter<Shared>,
}

fn open(method: &'static str, path: &'static str, handler: MethodRouter<Shared>) -> Route {
    Route { method, path, needed: Needed::Nothing, handler }
}

fn page(role: Role, path: &'static str, handler: MethodRouter<Shared>) -> Route {
    Route { method: "GET", path, needed: Needed::Looks(role), handler }
}

fn act(role: Role, name: &'static str, path: &'static str, handler: MethodRouter<Shared>) -> Route {
    Route { method: "POST", path, needed: Needed::Acts(role, name), handler }
}

pub(super) fn all() -> Vec<Route> {
    use Role::{Admin, Operator, Viewer};
    // What people keep for themselves is no act.
    let own = |path, handler| Route { method: "POST", path, needed: Needed::Looks(Viewer), handler };
    let asks = |path, handler| Route { method: "POST", path, needed: Needed::Looks(Operator), handler };
    vec![
        open("GET", "/login", get(auth::form)),
        open("POST", "/login", post(auth::log_in)),
        open("GET", "/login/oidc/start", get(auth::to_provider)),
        open("GET", "/login/oidc", get(auth::from_provider)),
        open("GET", "/style.css", get(|| asset("text/css; charset=utf-8", include_str!("style.css")))),
        open("GET", "/live.js", get(|| asset("text/javascript; charset=utf-8", include_str!("live.js")))),
        open("GET", "/keys.js", get(|| asset("text/javascript; charset=utf-8", include_str!("keys.js")))),
        open("GET", "/icon.svg", get(|| asset("image/svg+xml", include_str!("icon.svg")))),
        Route { method: "POST", path: "/logout", needed: Needed::Looks(Viewer), handler: post(auth::log_out) },
        page(Viewer, "/", get(overview::page)),
        page(Viewer, "/calls", get(calls::page)),
        page(Viewer, "/calls.csv", get(calls::csv)),
        own("/calls/filters", post(saved::save)),
        own("/calls/filters/remove", post(saved::remove)),
        page(Viewer, "/calls/{call}", get(call::page)),
        asks("/calls/{call}/log", post(call::with_log)),
        act(Operator, "relink", "/calls/{call}/relink", post(by_hand::relink)),
        act(Operator, "pin", "/calls/{call}/pin", post(by_hand::pin)),
        act(Operator, "look_up_again", "/calls/{call}/look-up", post(again::look_up)),
        act(Operator, "write_again", "/calls/{call}/write-again", post(again::write_again)),
        act(Admin, "undo_prospect", "/calls/{call}/undo-prospect", post(by_hand::undo_prospect)),
        page(Viewer, "/missed", get(missed::page)),
        page(Viewer, "/messages", get(conversations::page)),
        page(Viewer, "/dead", get(dead::page)),
        act(Operator, "replay", "/dead/replay", post(dead::replay)),
        act(Admin, "drop", "/dead/drop", post(dead::drop_selected)),
        page(Viewer, "/dead/letters/{id}", get(letter::page)),
        act(Operator, "reveal", "/dead/letters/{id}", post(letter::reveal)),
        page(Viewer, "/directory", get(directory::page)),
        // It changes nothing, and may cost requests.
        asks("/directory", post(directory::explain)),
        act(Operator, "directory_sync", "/directory/sync", post(directory::sync)),
        page(Viewer, "/reports", get(reports::page)),
        page(Viewer, "/reports/people", get(reports::people)),
        page(Viewer, "/reports/customers", get(reports::customers)),
        page(Viewer, "/reports/conversations", get(reports::conversations)),
        page(Viewer, "/reports.csv", get(reports::csv)),
        page(Viewer, "/check", get(checked::page)),
        act(Operator, "check", "/check", post(checked::run)),
        page(Viewer, "/webhook", get(webhook::page)),
        asks("/webhook", post(webhook::status)),
        act(Admin, "webhook_install", "/webhook/install", post(webhook::install)),
        page(Viewer, "/backfill", get(backfill::page)),
        asks("/backfill", post(backfill::preview)),
        act(Operator, "backfill_count", "/backfill/count", post(backfill::count_only)),
        act(Admin, "backfill", "/backfill/start", post(backfill::bring_in)),
        act(Operator, "backfill_stop", "/backfill/stop", post(backfill::stop)),
        page(Admin, "/forget", get(forgotten::page)),
        Route { method: "POST", path: "/forget", needed: Needed::Looks(Admin), handler: post(forgotten::preview) },
        act(Admin, "forget", "/forget/erase", post(forgotten::erase)),
        page(Viewer, "/pins", get(pinned::page)),
        act(Operator, "pin", "/pins", post(pinned::add)),
        act(Operator, "unpin", "/pins/remove", post(pinned::remove)),
        page(Operator, "/rules", get(rules::page)),
        asks("/rules", post(rules::try_out)),
        page(Viewer, "/followups", get(followups::page)),
        act(Operator, "followup_retry", "/followups/retry", post(followups::retry)),
        page(Admin, "/audit", get(audit::page)),
        page(Viewer, "/api/openapi.json", get(|| async { Json(described_for_programs()) })),
        page(Viewer, "/api/overview", get(overview::json)),
        page(Viewer, "/api/calls", get(api::list)),
        page(Viewer, "/api/calls/{call}", get(api::call)),
        act(Operator, "relink", "/api/calls/{call}/relink", post(by_hand::relink)),
        act(Operator, "pin", "/api/calls/{call}/pin", post(by_hand::pin)),
        act(Operator, "look_up_again", "/api/calls/{call}/look-up", post(again::look_up)),
        act(Operator, "write_again", "/api/calls/{call}/write-again", post(again::write_again)),
        act(Admin, "undo_prospect", "/api/calls/{call}/undo-prospect", post(by_hand::undo_prospect)),
        page(Viewer, "/api/missed", get(api::missed_calls)),
        page(Viewer, "/api/messages", get(api::conversations)),
        page(Viewer, "/api/dead", get(api::dead)),
        act(Operator, "replay", "/api/dead/replay", post(dead::replay)),
        act(Admin, "drop", "/api/dead/drop", post(dead::drop_selected)),
        page(Viewer, "/api/directory", get(api::directory)),
        act(Operator, "directory_sync", "/api/directory/sync", post(directory::sync)),
        page(Viewer, "/api/reports", get(reports::json)),
        page(Viewer, "/api/check", get(checked::json)),
        act(Operator, "check", "/api/check", post(checked::run)),
        page(Operator, "/api/webhook", get(webhook::status)),
        act(Admin, "webhook_install", "/api/webhook/install", post(webhook::install)),
        page(Viewer, "/api/backfill", get(backfill::json)),
        page(Operator, "/api/backfill/preview", get(backfill::preview_json)),
        act(Operator, "backfill_count", "/api/backfill/count", post(backfill::count_only)),
        act(Admin, "backfill", "/api/backfill/start", post(backfill::bring_in)),
        act(Operator, "backfill_stop", "/api/backfill/stop", post(backfill::stop)),
        Route {
            method: "POST",
            path: "/api/forget/preview",
            needed: Needed::Looks(Admin),
            handler: post(forgotten::preview),
        },
        act(Admin, "forget", "/api/forget", post(forgotten::erase)),
        page(Viewer, "/api/pins", get(pinned::json)),
        act(Operator, "pin", "/api/pins", post(pinned::add)),
        act(Operator, "unpin", "/api/pins/remove", post(pinned::remove)),
        page(Operator, "/api/rules", get(rules::json)),
        asks("/api/rules/try", post(rules::try_out)),
        page(Viewer, "/api/followups", get(followups::json)),
        act(Operator, "followup_retry", "/api/followups/retry", post(followups::retry)),
        page(Admin, "/api/audit", get(api::acts)),
    ]
}

pub(super) fn router(console: &Shared) -> Router {
    let guarded = |needed| middleware::from_fn_with_state((console.clone(), needed), auth::gate);
    let routes = all().into_iter().fold(Router::new(), |router, Route { path, needed, handler, .. }| {
        router.route(path, handler.layer(guarded(needed)))
    });
    let nowhere = get(layout::not_found).post(layout::not_found).layer(guarded(Needed::Looks(Role::Viewer)));
    routes
        .fallback_service(nowhere.with_state(console.clone()))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(console.clone())
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response()
}

/// As OpenAPI.
pub(super) fn described_for_programs() -> Value {
    let routes: Vec<_> = all().iter().map(|route| (route.method, route.path, route.needed)).collect();
    api::openapi(&routes)
}

/// Who may do what, for people: `callbridge console --routes`.
pub(super) fn described() -> String {
    let lines = all().into_iter().map(|Route { method, path, needed, .. }| {
        let role = needed.role().map_or("–", Role::as_str);
        let act = if let Needed::Acts(_, act) = needed { act } else { "" };
        format!("{method:<5} {path:<28} {role:<9} {act}").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_for_programs_is_described() {
        let described = described_for_programs();
        for Route { method, path, needed, .. } in all().into_iter().filter(|route| route.path.starts_with("/api/")) {
            let operation = &described["paths"][path][method.to_lowercase()];
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{method} {path} is not described"
            );
            assert_eq!(operation["x-role"], needed.role().map_or("none", Role::as_str));
        }
    }

    /// What is sent as a form, because it costs requests or is about a person.
    const CHANGES_NOTHING: [&str; 11] = [
        "/logout",
        "/directory",
        "/calls/filters",
        "/calls/filters/remove",
        "/calls/{call}/log",
        "/webhook",
        "/backfill",
        "/forget",
        "/api/forget/preview",
        "/rules",
        "/api/rules/try",
    ];

    #[test]
    fn what_changes_something_is_an_act_of_an_operator_at_least() {
        for Route { method, path, needed, .. } in all() {
            match needed {
                Needed::Acts(role, act) => {
                    assert!(method == "POST" && role >= Role::Operator && !act.is_empty(), "{path}");
                }
                Needed::Looks(_) => {
                    assert!(method == "GET" || CHANGES_NOTHING.contains(&path), "{method} {path} is kept in no audit");
                }
                Needed::Nothing => {
                    let is_part = ["/style.css", "/live.js", "/keys.js", "/icon.svg"].contains(&path);
                    assert!(is_part || path.starts_with("/login"), "{path} is open to everybody");
                }
            }
        }
    }
}
