//! The pages about the installation as a whole, and the links between them.

use maud::{Markup, html};

use super::layout::Visitor;
use crate::access::Role;

/// Above each of these pages.
pub(super) fn links(visitor: &Visitor, current: &str) -> Markup {
    let texts = visitor.texts().acts;
    let pages = [
        ("/check", texts.check, Role::Viewer),
        ("/webhook", texts.webhooks, Role::Viewer),
        ("/backfill", texts.backfill, Role::Viewer),
        ("/rules", texts.rules, Role::Operator),
        ("/forget", texts.forget, Role::Admin),
    ];
    html! {
        nav.choices aria-label=(texts.installation) {
            @for (address, name, _) in pages.into_iter().filter(|(.., role)| visitor.may(*role)) {
                a href=(address) aria-current=[(address == current).then_some("page")] { (name) }
            }
        }
    }
}
