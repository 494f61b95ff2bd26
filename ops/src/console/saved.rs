//! Filters of calls that a person has saved under a name: links to lists of calls, for that person alone.
//!
//! People who sign in by the password and give no name share theirs.

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Shared,
    fields::Fields,
    layout::{self, Visitor},
    wanted::{Filters, address},
};
use crate::filters::{self, Saved};

const LONGEST_NAME: usize = 60;
/// A filter has a few short fields.
const LONGEST: usize = 600;

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
    #[serde(flatten)]
    filters: Filters,
}

pub(super) async fn save(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(Named { name, filters: wanted }): Fields<Named>,
) -> Page {
    let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.filter_needs_name));
    }
    let to = address(&wanted, None);
    if to.len() > LONGEST {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form));
    }
    let saved = Saved { name, address: to.clone() };
    if !filters::save(&console.database.client().await?, visitor.name(), &saved, &wanted.q).await? {
        return Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.too_many_filters));
    }
    Ok(Redirect::to(&to).into_response())
}

#[derive(Deserialize)]
pub(super) struct OfName {
    name: String,
}

pub(super) async fn remove(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(OfName { name }): Fields<OfName>,
) -> Page {
    filters::remove(&console.database.client().await?, visitor.name(), &name).await?;
    Ok(Redirect::to("/calls").into_response())
}

/// Links to the saved filters; this one can be saved, or removed if it is one of them.
pub(super) fn shown(visitor: &Visitor, saved: &[Saved], wanted: &Filters) -> Markup {
    let texts = visitor.texts();
    let here = address(wanted, None);
    let this = saved.iter().find(|saved| saved.address == here);
    html! {
        @if !saved.is_empty() {
            nav.filters aria-label=(texts.saved_filters) {
                @for one in saved { a href=(one.address) aria-current=[(one.address == here).then_some("true")] { (one.name) } }
            }
        }
        @if let Some(Saved { name, .. }) = this {
            form method="post" action="/calls/filters/remove" {
                (visitor.token())
                input type="hidden" name="name" value=(name);
                button.plain type="submit" { (texts.remove_filter.replace("{}", name)) }
            }
        } @else if *wanted != Filters::default() {
            details {
                summary { (texts.save_filter) }
                form.search.inline method="post" action="/calls/filters" {
                    (visitor.token())
                    @for (name, value) in wanted.fields() { input type="hidden" name=(name) value=(value); }
                    div.field {
                        label for="filter-name" { (texts.filter_name) }
                        input #filter-name name="name" required maxlength=(LONGEST_NAME) autocomplete="off";
                    }
                    div.field.buttons { button.primary type="submit" { (texts.save) } }
                }
            }
        }
    }
}
