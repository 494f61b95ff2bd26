//! The reading part of the REST API: company, calls, insights, numbers, tags, teams and users.
//!
//! Lists are paged as the vendor does: a `meta` with links, and at most 50 per page. Calls are listed for the last six
//! months, and at most 10,000 of them. The links keep the filters but lose the `fetch_*` parameters, as observed: a client
//! has to add them again.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, NestedPath, Path, Query, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Account;
use super::call::to_rest;
use super::play::now_s;
use super::problem::{Problem, call_id, no_such_call, unknown_path};

/// No page shows calls beyond this.
const REACH: usize = 10_000;
const MOST_PER_PAGE: usize = 50;
const PER_PAGE: usize = 20;

/// The insights that can be requested for a call; the sandbox never has the last three.
const INSIGHTS: &[&str] = &[
    "transcription",
    "summary",
    "topics",
    "sentiments",
    "action_items",
    "custom_summary_result",
    "playbook_result",
    "evaluations",
    "predicted_csat",
];

/// A query as it was sent; keys can occur several times.
pub(super) type Pairs = Vec<(String, String)>;

type Answer = Result<Json<Value>, Problem>;

pub(super) fn routes() -> Router<Account> {
    Router::new()
        .route("/v1/ping", get(async || Json(json!({"ping": "pong"}))))
        .route("/v1/company", get(company))
        .route("/v1/calls", get(list_calls))
        .route("/v1/calls/search", get(search_calls))
        .route("/v1/calls/{id}", get(show_call))
        .route("/v1/calls/{id}/{resource}", get(show_insight))
        .route("/v1/numbers", get(list_numbers))
        .route("/v1/numbers/{id}", get(show_number))
        .route("/v1/tags", get(list_tags))
        .route("/v1/teams", get(list_teams))
        .route("/v2/users", get(list_users))
        .route("/v2/users/{id}", get(show_user))
}

async fn company(State(account): State<Account>) -> Json<Value> {
    let state = account.state();
    let (users, numbers) = (state.directory.user_ids().len(), state.directory.number_ids().len());
    Json(json!({"company": {"name": "Callbridge Sandbox", "users_count": users, "numbers_count": numbers}}))
}

// ---- paging

pub(super) struct Paging {
    pub(super) page: usize,
    pub(super) per_page: usize,
    descending: bool,
}

impl Paging {
    pub(super) fn read(pairs: &Pairs) -> Result<Paging, Problem> {
        let page = number(pairs, "page")?.unwrap_or(1);
        let per_page = number(pairs, "per_page")?.unwrap_or(PER_PAGE);
        if page == 0 || per_page == 0 || per_page > MOST_PER_PAGE {
            return Err(Problem::bad_request("page starts at 1 and per_page is between 1 and 50"));
        }
        let descending = match value(pairs, "order") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => return Err(Problem::bad_request(format!("order cannot be {other}"))),
        };
        Ok(Paging { page, per_page, descending })
    }

    pub(super) fn skip(&self) -> usize {
        (self.page - 1).saturating_mul(self.per_page)
    }
}

fn value<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

fn number<T: std::str::FromStr>(pairs: &Pairs, key: &str) -> Result<Option<T>, Problem> {
    let parse = |text: &str| text.parse().map_err(|_| Problem::bad_request(format!("{key} must be a number")));
    value(pairs, key).map(parse).transpose()
}

/// The address and the query of a request, from which the links to other pages are made.
struct Place {
    base: String,
    pairs: Pairs,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Place, Problem> {
        let Query(pairs) = Query::from_request_parts(parts, state)
            .await
            .map_err(|error: QueryRejection| Problem::bad_request(error.to_string()))?;
        let nested = NestedPath::from_request_parts(parts, state).await.ok();
        let prefix = nested.as_ref().map_or("", NestedPath::as_str);
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("api.aircall.io");
        Ok(Place { base: format!("http://{host}{prefix}{}", parts.uri.path()), pairs })
    }
}

impl Place {
    fn link(&self, page: usize, per_page: usize) -> Value {
        let kept =
            self.pairs.iter().filter(|(key, _)| !key.starts_with("fetch_") && key != "page" && key != "per_page");
        let Ok(mut url) = reqwest::Url::parse(&self.base) else {
            return Value::Null;
        };
        url.query_pairs_mut()
            .extend_pairs(kept)
            .append_pair("page", &page.to_string())
            .append_pair("per_page", &per_page.to_string());
        json!(url.as_str())
    }

    fn meta(&self, paging: &Paging, count: usize, total: usize, reach: usize) -> Value {
        let more = paging.skip() + paging.per_page < total.min(reach);
        let next = if more { self.link(paging.page + 1, paging.per_page) } else { Value::Null };
        let previous = if paging.page > 1 { self.link(paging.page - 1, paging.per_page) } else { Value::Null };
        json!({
            "count": count,
            "total": total,
            "current_page": paging.page,
            "per_page": paging.per_page,
            "next_page_link": next,
            "previous_page_link": previous,
        })
    }

    /// A page of a short list.
    fn page(&self, key: &str, mut items: Vec<Value>) -> Answer {
        let paging = Paging::read(&self.pairs)?;
        if paging.descending {
            items.reverse();
        }
        let total = items.len();
        let shown: Vec<Value> = items.into_iter().skip(paging.skip()).take(paging.per_page).collect();
        Ok(Json(json!({"meta": self.meta(&paging, shown.len(), total, usize::MAX), key: shown})))
    }
}

// ---- calls

fn flag(pairs: &Pairs, key: &str) -> bool {
    value(pairs, key) == Some("true")
}

async fn list_calls(State(account): State<Account>, place: Place) -> Answer {
    page_of_calls(&account, &place, None)
}

async fn search_calls(State(account): State<Account>, place: Place) -> Answer {
    let filter = Filter::read(&place.pairs)?;
    page_of_calls(&account, &place, Some(&filter))
}

/// The start of the six months of calls that lists show.
fn history_begins(now: i64) -> i64 {
    let begins = || {
        let now = jiff::Timestamp::from_second(now).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        Some(now.checked_sub(jiff::Span::new().months(6)).ok()?.timestamp().as_second())
    };
    begins().unwrap_or(i64::MIN)
}

fn page_of_calls(account: &Account, place: &Place, filter: Option<&Filter>) -> Answer {
    let paging = Paging::read(&place.pairs)?;
    let (from, to) = (number(&place.pairs, "from")?, number(&place.pairs, "to")?);
    let (state, now) = (account.state(), now_s());
    let from = from.unwrap_or(i64::MIN).max(history_begins(now));
    let between = || state.calls_between(Some(from), to);
    let wanted = |id: &u64| match filter {
        None => true,
        Some(filter) => state.call(*id, now).is_some_and(|call| filter.matches(&call)),
    };
    let total = between().filter(wanted).count();
    // There are no pages beyond this limit: a client has to move `from` forward.
    let within = REACH.saturating_sub(paging.skip()).min(paging.per_page);
    let ids: Vec<u64> = if paging.descending {
        between().rev().filter(wanted).skip(paging.skip()).take(within).collect()
    } else {
        between().filter(wanted).skip(paging.skip()).take(within).collect()
    };
    let fetch_contact = flag(&place.pairs, "fetch_contact");
    let calls: Vec<Value> =
        ids.iter().filter_map(|id| state.call(*id, now)).map(|call| to_rest(call, fetch_contact)).collect();
    Ok(Json(json!({"meta": place.meta(&paging, calls.len(), total, REACH), "calls": calls})))
}

/// The filters of `/v1/calls/search`; a call must meet all that are given.
struct Filter {
    direction: Option<String>,
    user_id: Option<u64>,
    digits: Option<String>,
    tags: Vec<String>,
}

impl Filter {
    fn read(pairs: &Pairs) -> Result<Filter, Problem> {
        let direction = value(pairs, "direction").map(str::to_owned);
        if direction.as_deref().is_some_and(|direction| !["inbound", "outbound"].contains(&direction)) {
            return Err(Problem::bad_request("direction is inbound or outbound"));
        }
        let tags =
            pairs.iter().filter(|(key, _)| key == "tags[]" || key == "tags").map(|(_, tag)| tag.clone()).collect();
        Ok(Filter {
            direction,
            user_id: number(pairs, "user_id")?,
            digits: value(pairs, "phone_number").map(digits),
            tags,
        })
    }

    fn matches(&self, call: &Value) -> bool {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default();
        let user = call.get("user").and_then(|user| user.get("id")).and_then(Value::as_u64);
        let tags = call.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let has_tag = |wanted: &String| tags.iter().any(|tag| tag.get("name").and_then(Value::as_str) == Some(wanted));
        self.direction.as_ref().is_none_or(|direction| direction == text("direction"))
            && self.user_id.is_none_or(|wanted| user == Some(wanted))
            && self.digits.as_ref().is_none_or(|wanted| *wanted == digits(text("raw_digits")))
            && self.tags.iter().all(has_tag)
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

async fn show_call(State(account): State<Account>, Path(id): Path<String>, Query(pairs): Query<Pairs>) -> Answer {
    let id = call_id(&id)?;
    let call = account.state().call(id, now_s()).ok_or_else(|| no_such_call(id))?;
    Ok(Json(json!({"call": to_rest(call, flag(&pairs, "fetch_contact"))})))
}

async fn show_insight(
    State(account): State<Account>,
    Path((id, resource)): Path<(String, String)>,
) -> Result<Response, Problem> {
    if !INSIGHTS.contains(&resource.as_str()) {
        return Ok(unknown_path().await);
    }
    let id = call_id(&id)?;
    let state = account.state();
    if !state.knows_call(id) {
        return Err(no_such_call(id));
    }
    let none = || Problem::not_found(format!("Call with id {id} has no {resource}"));
    let insight = state.insight(id, &resource).ok_or_else(none)?;
    Ok(Json(insight).into_response())
}

// ---- the rest of the account

async fn list_numbers(State(account): State<Account>, place: Place) -> Answer {
    let state = account.state();
    let numbers =
        state.directory.number_ids().into_iter().filter_map(|id| state.directory.number_rest(id, false)).collect();
    place.page("numbers", numbers)
}

async fn show_number(State(account): State<Account>, Path(id): Path<String>) -> Answer {
    let number = id.parse().ok().and_then(|id| account.state().directory.number_rest(id, true));
    let number = number.ok_or_else(|| Problem::not_found(format!("Number with id {id} does not exist")))?;
    Ok(Json(json!({"number": number})))
}

async fn list_tags(State(account): State<Account>, place: Place) -> Answer {
    let state = account.state();
    let tags =
        state.tags.iter().map(|tag| json!({"id": tag.id, "name": tag.name, "color": "#29C8FF", "description": null}));
    place.page("tags", tags.collect())
}

async fn list_teams(State(account): State<Account>, place: Place) -> Answer {
    let state = account.state();
    let teams = state.directory.team_ids().into_iter().filter_map(|id| state.directory.team_rest(id)).collect();
    place.page("teams", teams)
}

async fn list_users(State(account): State<Account>, place: Place) -> Answer {
    let state = account.state();
    let users = state.directory.user_ids().into_iter().filter_map(|id| state.directory.user_v2(id)).collect();
    place.page("users", users)
}

async fn show_user(State(account): State<Account>, Path(id_or_email): Path<String>) -> Answer {
    let state = account.state();
    let id = id_or_email.parse().ok().or_else(|| state.directory.user_by_email(&id_or_email));
    let user = id.and_then(|id| state.directory.user_v2(id));
    let user = user.ok_or_else(|| Problem::not_found(format!("User with id {id_or_email} does not exist")))?;
    Ok(Json(json!({"user": user})))
}
