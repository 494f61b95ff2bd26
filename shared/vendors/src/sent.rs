//! Collects the API requests that a message causes, until they are written to its call's timeline.
//!
//! [`collect`] opens a list for the work that runs in it, and [`add`] is called by the only place that sends. The ledger
//! takes the list along with the next line that it writes, so a request costs no SQL statement of its own. Requests outside
//! of a list (directory synchronisation, tokens fetched ahead) belong to no call. Bodies are not kept.

use std::{cell::RefCell, future::Future, time::Duration};

use base::ids::Vendor;
use tokio::time::Instant;

/// A message that waits for an API repeats its requests; more than this many different ones are not informative.
const MAX_REQUESTS: usize = 60;

/// A request, or several equal ones in a row with the same result.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The stage that sent it.
    pub stage: &'static str,
    pub vendor: Vendor,
    /// Method and path without ids.
    pub endpoint: &'static str,
    /// 0 if there was no answer.
    pub status: u16,
    /// From sending to the answer; of several requests, the last one.
    pub took: Duration,
    pub ended: Instant,
    /// How many requests.
    pub times: u32,
}

struct List {
    stage: &'static str,
    requests: Vec<Sent>,
}

tokio::task_local! {
    static LIST: RefCell<List>;
}

/// Runs `work` and collects the requests that it sends, under this stage's name.
pub async fn collect<F: Future>(stage: &'static str, work: F) -> F::Output {
    LIST.scope(RefCell::new(List { stage, requests: Vec::new() }), work).await
}

/// Adds a request that has ended. If it repeats the last one with the same result, only the count grows.
pub(crate) fn add(vendor: Vendor, endpoint: &'static str, status: u16, took: Duration) {
    // There is no list if the request belongs to no call.
    let _ = LIST.try_with(|list| {
        let List { stage, requests } = &mut *list.borrow_mut();
        let (ended, full) = (Instant::now(), requests.len() >= MAX_REQUESTS);
        match requests.last_mut() {
            Some(last) if (last.vendor, last.endpoint, last.status) == (vendor, endpoint, status) => {
                *last = Sent { times: last.times + 1, took, ended, ..*last };
            }
            _ if full => {}
            _ => requests.push(Sent { stage, vendor, endpoint, status, took, ended, times: 1 }),
        }
    });
}

/// Whether the list has requests.
pub fn has_requests() -> bool {
    LIST.try_with(|list| !list.borrow().requests.is_empty()).unwrap_or(false)
}

/// Takes all requests out of the list.
pub fn take_requests() -> Vec<Sent> {
    LIST.try_with(|list| std::mem::take(&mut list.borrow_mut().requests)).unwrap_or_default()
}

/// Puts requests that could not be written back into the list, before later ones.
pub fn restore_requests(mut earlier: Vec<Sent>) {
    let _ = LIST.try_with(|list| {
        let requests = &mut list.borrow_mut().requests;
        earlier.append(requests);
        *requests = earlier;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(12);

    #[tokio::test]
    async fn repeated_requests_are_counted_and_each_is_taken_once() {
        let taken = collect("logger", async {
            add(Vendor::Sellsy, "GET /staffs", 200, TOOK);
            add(Vendor::Sellsy, "POST /phone-calls", 503, TOOK);
            add(Vendor::Sellsy, "POST /phone-calls", 503, TOOK);
            add(Vendor::Sellsy, "POST /phone-calls", 201, TOOK);
            assert!(has_requests());
            let taken = take_requests();
            assert!(!has_requests(), "each is taken once");
            taken
        });
        let taken: Vec<_> = taken.await.iter().map(|sent| (sent.endpoint, sent.status, sent.times)).collect();
        assert_eq!(taken, [("GET /staffs", 200, 1), ("POST /phone-calls", 503, 2), ("POST /phone-calls", 201, 1)]);
    }

    #[tokio::test]
    async fn restored_requests_come_before_later_ones() {
        let taken = collect("logger", async {
            add(Vendor::Sellsy, "GET /staffs", 200, TOOK);
            let unwritten = take_requests();
            add(Vendor::Sellsy, "POST /phone-calls", 201, TOOK);
            restore_requests(unwritten);
            take_requests()
        });
        let taken: Vec<_> = taken.await.iter().map(|sent| sent.endpoint).collect();
        assert_eq!(taken, ["GET /staffs", "POST /phone-calls"]);
    }

    #[tokio::test]
    async fn outside_of_a_message_nothing_is_collected_and_a_list_is_bounded() {
        add(Vendor::Sellsy, "GET /staffs", 200, Duration::ZERO);
        assert!(!has_requests() && take_requests().is_empty());
        let collected = collect("logger", async {
            for n in 0..1000 {
                add(Vendor::Sellsy, if n % 2 == 0 { "GET /a" } else { "GET /b" }, 200, Duration::ZERO);
            }
            take_requests().len()
        });
        assert_eq!(collected.await, MAX_REQUESTS);
    }
}
