//! The API requests that a message has caused, on their way to the timeline of its call.
//!
//! [`noted`] opens a list for whatever runs in it, [`note`] is called by the one place that sends, and the next line that
//! is written to a timeline takes the list along: a request costs no statement of its own. What is left when the message
//! is done is written by [`crate::amqp::Consumer`]. A line tells the endpoint with its ids left out, the status and how
//! long it took; nothing of what was asked or answered. Requests outside of a list (the directory's turns, tokens that are
//! fetched ahead) belong to no call.

use std::{cell::RefCell, future::Future, time::Duration};

use tokio::time::Instant;

use super::timeline::Entry;
use crate::api::Vendor;

/// A message that waits for an API asks for it again and again; more than so many different lines tell nobody anything.
const MOST: usize = 60;

struct Request {
    vendor: Vendor,
    endpoint: &'static str,
    /// 0 if there was no answer.
    status: u16,
    took: Duration,
    ended: Instant,
    times: u32,
}

struct List {
    stage: &'static str,
    requests: Vec<Request>,
    /// Lines that could not be written.
    unwritten: Vec<Entry>,
}

tokio::task_local! {
    static LIST: RefCell<List>;
}

/// Requests that `work` sends are kept for the timeline, as this stage's.
pub async fn noted<F: Future>(stage: &'static str, work: F) -> F::Output {
    LIST.scope(RefCell::new(List { stage, requests: Vec::new(), unwritten: Vec::new() }), work).await
}

/// A request was answered, or was not. The same one again with the same end only counts.
pub(crate) fn note(vendor: Vendor, endpoint: &'static str, status: u16, took: Duration) {
    // Outside of a list nobody wants to know.
    let _ = LIST.try_with(|list| {
        let requests = &mut list.borrow_mut().requests;
        let (ended, full) = (Instant::now(), requests.len() >= MOST);
        match requests.last_mut() {
            Some(last) if (last.vendor, last.endpoint, last.status) == (vendor, endpoint, status) => {
                *last = Request { times: last.times + 1, took, ended, ..*last };
            }
            _ if full => {}
            _ => requests.push(Request { vendor, endpoint, status, took, ended, times: 1 }),
        }
    });
}

/// Whether there is something that no line has taken along.
pub(crate) fn are_left() -> bool {
    LIST.try_with(|list| !list.borrow().requests.is_empty() || !list.borrow().unwritten.is_empty()).unwrap_or(false)
}

pub(super) fn take() -> Vec<Entry> {
    let taken = LIST.try_with(|list| {
        let list = &mut *list.borrow_mut();
        let mut entries = std::mem::take(&mut list.unwritten);
        entries.extend(list.requests.drain(..).map(|request| entry(list.stage, &request)));
        entries
    });
    taken.unwrap_or_default()
}

pub(super) fn put_back(entries: Vec<Entry>) {
    let _ = LIST.try_with(|list| list.borrow_mut().unwritten = entries);
}

fn entry(stage: &'static str, request: &Request) -> Entry {
    let ms = u64::try_from(request.took.as_millis()).unwrap_or(u64::MAX);
    let mut entry = Entry::new(stage, "request").with("api", request.vendor.as_str()).with("request", request.endpoint);
    entry = match request.status {
        0 => entry.with("status", "no answer"),
        status => entry.with("status", status),
    };
    if request.times > 1 {
        entry = entry.with("times", request.times);
    }
    entry.with("ms", ms).ago(request.ended.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_wait_for_the_next_line_and_repeated_ones_are_counted() {
        let took = Duration::from_millis(12);
        let lines = noted("logger", async {
            note(Vendor::Sellsy, "GET /staffs", 200, took);
            note(Vendor::Sellsy, "POST /phone-calls", 503, took);
            note(Vendor::Sellsy, "POST /phone-calls", 503, took);
            note(Vendor::Sellsy, "POST /phone-calls", 201, took);
            assert!(are_left());
            let lines = take();
            assert!(!are_left(), "each is written once");
            lines
        })
        .await;
        let told: Vec<String> = lines.iter().map(|line| format!("{line:?}")).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[1].contains(r#""times": Number(2)"#) && !told[2].contains("times"), "{told:?}");
    }

    #[tokio::test]
    async fn outside_of_a_message_nothing_is_kept_and_a_list_has_an_end() {
        note(Vendor::Sellsy, "GET /staffs", 200, Duration::ZERO);
        assert!(!are_left() && take().is_empty());
        let kept = noted("logger", async {
            for n in 0..1000 {
                note(Vendor::Sellsy, if n % 2 == 0 { "GET /a" } else { "GET /b" }, 200, Duration::ZERO);
            }
            take().len()
        });
        assert_eq!(kept.await, MOST);
    }
}
