//! The frame of every page: its head, the navigation and the language switch.

use axum::{
    Extension,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

pub(super) use super::visitor::{Said, Visitor};
use super::{
    texts::{self, Texts},
    visitor::UNNAMED,
};
use crate::access::Role;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Section {
    Overview,
    Calls,
    Missed,
    Messages,
    Dead,
    Directory,
    Reports,
    Check,
    Audit,
}

/// A page of a section, with navigation.
pub(super) fn page(visitor: &Visitor, section: Section, title: &str, body: &Markup) -> Response {
    let texts = visitor.texts();
    let sections = [
        (Section::Overview, "/", texts.overview, "o"),
        (Section::Calls, "/calls", texts.calls, "c"),
        (Section::Missed, "/missed", texts.missed, "m"),
        (Section::Messages, "/messages", texts.text_messages, "s"),
        (Section::Dead, "/dead", texts.dead_letters, "d"),
        (Section::Directory, "/directory", texts.directory, "y"),
        (Section::Reports, "/reports", texts.reports, "r"),
        (Section::Check, "/check", texts.acts.check, "v"),
        (Section::Audit, "/audit", texts.audit, "a"),
    ];
    let sections: Vec<_> =
        sections.into_iter().filter(|(one, ..)| *one != Section::Audit || visitor.may(Role::Admin)).collect();
    let page = html! {
        a.skip href="#main" { (texts.skip) }
        header.top {
            a.brand href="/" { img src="/icon.svg" alt="" width="28" height="28"; span { "Callbridge" } }
            nav aria-label=(texts.navigation) {
                ul {
                    @for (one, address, name, key) in &sections {
                        li { a href=(address) data-key=(key) aria-current=[(*one == section).then_some("page")] { (name) } }
                    }
                }
            }
            div.tools {
                @if let Some(person) = &visitor.person { span.person { @if person.name != UNNAMED { (person.name) " " } span.quiet { (role_name(visitor, person.role)) } } }
                (languages(visitor))
                form method="post" action="/logout" {
                    (visitor.token())
                    button.plain type="submit" { (texts.log_out) }
                }
            }
        }
        main #main tabindex="-1" { (body) }
        (keys(visitor, sections.iter().map(|(_, _, name, key)| (*key, *name))))
        footer { "Callbridge " (env!("CARGO_PKG_VERSION")) " · " (texts.times_in) " " (visitor.zone.iana_name().unwrap_or("UTC")) }
    };
    document(visitor, title, &page).into_response()
}

/// What the keyboard does, shown by `?`.
fn keys<'a>(visitor: &Visitor, sections: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    let texts = visitor.texts();
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { (texts.keys) }
            dl.facts {
                dt { kbd { "/" } } dd { (texts.key_search) }
                dt { kbd { "j" } " " kbd { "k" } } dd { (texts.key_rows) }
                dt { kbd { "Enter" } } dd { (texts.key_open) }
                @for (key, name) in sections { dt { kbd { "g" } " " kbd { (key) } } dd { (name) } }
                dt { kbd { "?" } } dd { (texts.keys) }
            }
            form method="dialog" { button type="submit" { (texts.close) } }
        }
    }
}

/// A page without navigation.
pub(super) fn bare(visitor: &Visitor, title: &str, body: &Markup) -> Html<String> {
    document(visitor, title, &html! { main #main { (body) div.center { (languages(visitor)) } } })
}

fn languages(visitor: &Visitor) -> Markup {
    let other = visitor.lang.other();
    html! { a.language href=(visitor.in_language(other)) lang=(other.code()) hreflang=(other.code()) { (other.name()) } }
}

fn document(visitor: &Visitor, title: &str, body: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang=(visitor.lang.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – Callbridge" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
                script src="/live.js" defer {}
                script src="/keys.js" defer {}
            }
            body { (body) }
        }
    };
    Html(page.into_string())
}

/// A field in which one of these, or all, can be chosen.
pub(super) fn choice(
    visitor: &Visitor,
    name: &str,
    label: &str,
    options: impl IntoIterator<Item = impl AsRef<str>>,
    chosen: &str,
) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { (visitor.texts().everybody) }
                @for option in options {
                    @let option = option.as_ref();
                    option value=(option) selected[option == chosen] { (option) }
                }
            }
        }
    }
}

pub(super) fn role_name(visitor: &Visitor, role: Role) -> &'static str {
    let texts = visitor.texts();
    match role {
        Role::Viewer => texts.role_viewer,
        Role::Operator => texts.role_operator,
        Role::Admin => texts.role_admin,
    }
}

/// A refused request: the reason, and a link to the overview. The audit keeps the reason in English.
pub(super) fn refused(visitor: &Visitor, status: StatusCode, why: fn(&Texts) -> &'static str) -> Response {
    let mut response = if visitor.json {
        (status, axum::Json(serde_json::json!({ "error": why(texts::in_english()) }))).into_response()
    } else {
        refusal(visitor, status, why(visitor.texts()))
    };
    response.extensions_mut().insert(Said(why(texts::in_english()).to_owned()));
    response
}

fn refusal(visitor: &Visitor, status: StatusCode, why: &str) -> Response {
    let body = html! {
        div.login {
            h1 { (status.as_u16()) }
            p { (why) }
            p { a href="/" { (visitor.texts().to_overview) } }
        }
    };
    (status, bare(visitor, why, &body)).into_response()
}

pub(super) async fn not_found(visitor: Option<Extension<Visitor>>) -> Response {
    match visitor {
        Some(Extension(visitor)) => refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.no_such_page),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A page for when the database or the broker is unavailable. The visitor is not known here, so it is in both languages.
pub(super) fn failure(problem: &str) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Callbridge" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                main #main {
                    div.login {
                        h1 { "This page cannot be shown right now" }
                        p { (problem) }
                        p lang="fr" { "Cette page ne peut pas être affichée pour le moment. Réessayez dans un instant." }
                        p { a href="" { "Try again" } }
                    }
                }
            }
        }
    };
    ([(header::RETRY_AFTER, "5")], Html(page.into_string())).into_response()
}

/// A short word for a state, in a colour. The colour only repeats what the word says.
pub(super) fn pill(kind: &str, text: &str) -> Markup {
    html! { span class={ "pill " (kind) } { (text) } }
}
