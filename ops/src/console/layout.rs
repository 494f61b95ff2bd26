//! The frame of every page: its head, the navigation and the language switch, and the [`Visitor`] for whom it is rendered.

use axum::{
    Extension,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};

use super::texts::{Lang, Texts};

/// Who requests the page, and how to render it for them.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) lang: Lang,
    /// The CSRF token for every form; empty for programs, which have no session.
    pub(super) csrf: String,
    /// Path and query of this page.
    pub(super) address: String,
    pub(super) zone: TimeZone,
}

impl Visitor {
    pub(super) fn texts(&self) -> &'static Texts {
        self.lang.texts()
    }

    /// The hidden field that every form needs.
    pub(super) fn token(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// This page in another language.
    fn in_language(&self, lang: Lang) -> String {
        let (path, query) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let mut kept = form_urlencoded::Serializer::new(String::new());
        kept.extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang"));
        format!("{path}?{}", kept.append_pair("lang", lang.code()).finish())
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Section {
    Overview,
    Calls,
    Missed,
    Messages,
    Dead,
    Directory,
}

/// A page of a section, with navigation.
pub(super) fn page(visitor: &Visitor, section: Section, title: &str, body: &Markup) -> Response {
    let texts = visitor.texts();
    let sections = [
        (Section::Overview, "/", texts.overview),
        (Section::Calls, "/calls", texts.calls),
        (Section::Missed, "/missed", texts.missed),
        (Section::Messages, "/messages", texts.text_messages),
        (Section::Dead, "/dead", texts.dead_letters),
        (Section::Directory, "/directory", texts.directory),
    ];
    let page = html! {
        a.skip href="#main" { (texts.skip) }
        header.top {
            a.brand href="/" { img src="/icon.svg" alt="" width="28" height="28"; span { "Callbridge" } }
            nav aria-label=(texts.navigation) {
                ul {
                    @for (one, address, name) in sections {
                        li { a href=(address) aria-current=[(one == section).then_some("page")] { (name) } }
                    }
                }
            }
            div.tools {
                (languages(visitor))
                form method="post" action="/logout" {
                    (visitor.token())
                    button.plain type="submit" { (texts.log_out) }
                }
            }
        }
        main #main tabindex="-1" { (body) }
        footer { "Callbridge " (env!("CARGO_PKG_VERSION")) " · " (texts.times_in) " " (visitor.zone.iana_name().unwrap_or("UTC")) }
    };
    document(visitor, title, &page).into_response()
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

/// A refused request: the reason, and a link to the overview.
pub(super) fn refused(visitor: &Visitor, status: StatusCode, why: &str) -> Response {
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
        Some(Extension(visitor)) => refused(&visitor, StatusCode::NOT_FOUND, visitor.texts().no_such_page),
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
