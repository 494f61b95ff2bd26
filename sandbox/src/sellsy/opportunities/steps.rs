//! The account's pipelines and their steps. A step does not say which pipeline it is in, and two pipelines may have steps of the
//! same name and rank: a client has to tell them apart by the opportunities that are in them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Value, json};

use crate::sellsy::Account;
use crate::sellsy::directory::contains;
use crate::sellsy::errors::Error;
use crate::sellsy::filters::{Filters, Schema};
use crate::sellsy::paging::{Key, Paging};
use crate::sellsy::request::Parameters;
use crate::sellsy::seed::Step;

type Answer = Result<Json<Value>, Error>;

pub(in crate::sellsy) async fn pipelines(State(account): State<Account>, parameters: Parameters) -> Answer {
    let paging = Paging::parse(&parameters, &["rank", "id"])?;
    let store = account.store();
    let rows = store
        .pipelines
        .iter()
        .map(|one| (if paging.order == "rank" { Key::number(one.rank, one.id) } else { Key::id(one.id) }, one));
    Ok(paging.page(rows.collect(), |one| {
        json!({
            "id": one.id,
            "name": one.name,
            "is_default": one.is_default,
            "step": one.steps.len(),
            "rank": one.rank,
        })
    }))
}

pub(in crate::sellsy) async fn search_steps(
    State(account): State<Account>,
    parameters: Parameters,
    body: Bytes,
) -> Answer {
    let paging = Paging::parse(&parameters, &["rank", "id", "probability"])?;
    let mut filters = Filters::parse(&body, Schema::OpenFilters, true)?;
    let name = filters.text("name");
    let ids = filters.list::<u64>("id");
    if ids.as_ref().is_some_and(Vec::is_empty) {
        filters.problems.invalid("id", "Cette liste doit contenir au moins une valeur");
    }
    filters.problems.into_result()?;
    let wanted = |step: &&Step| {
        name.as_ref().is_none_or(|name| contains(&step.name, name))
            && ids.as_ref().is_none_or(|ids| ids.contains(&step.id))
    };
    let key = |step: &Step| match paging.order {
        "rank" => Key::number(step.rank, step.id),
        "probability" => Key::number(u32::from(step.probability), step.id),
        _ => Key::id(step.id),
    };
    let store = account.store();
    let rows = store.pipelines.steps().filter(wanted).map(|step| (key(step), step));
    Ok(paging.page(rows.collect(), |step| json!(step)))
}
