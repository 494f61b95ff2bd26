//! The API requests that a message has caused, until its call's timeline takes them along.
//!
//! [`kept`] opens a list for whatever runs in it and [`note`] is called by the one place that sends. The ledger takes the list
//! with the next line that it writes, so a request costs no statement of its own. Requests outside of a list (the directory's
//! turns, tokens that are fetched ahead) belong to no call. Nothing is kept of what was asked or answered.

use std::{cell::RefCell, future::Future, time::Duration};

use base::ids::Vendor;
use tokio::time::Instant;

/// A message that waits for an API asks for it again and again; more than so many different requests tell nobody anything.
const MOST: usize = 60;

/// A request, or several in a row that ended alike.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Whose work it was part of.
    pub stage: &'static str,
    pub vendor: Vendor,
    /// Method and path with its ids left out.
    pub endpoint: &'static str,
    /// 0 if there was no answer.
    pub status: u16,
    pub took: Duration,
    pub ended: Instant,
    pub times: u32,
}

struct List {
    stage: &'static str,
    requests: Vec<Sent>,
}

tokio::task_local! {
    static LIST: RefCell<List>;
}

/// Requests that `work` sends are kept, as this stage's.
pub async fn kept<F: Future>(stage: &'static str, work: F) -> F::Output {
    LIST.scope(RefCell::new(List { stage, requests: Vec::new() }), work).await
}

/// A request was answered, or was not. The same one again with the same end only counts.
pub(crate) fn note(vendor: Vendor, endpoint: &'static str, status: u16, took: Duration) {
    // Outside of a list nobody wants to know.
    let _ = LIST.try_with(|list| {
        let List { stage, requests } = &mut *list.borrow_mut();
        let (ended, full) = (Instant::now(), requests.len() >= MOST);
        match requests.last_mut() {
            Some(last) if (last.vendor, last.endpoint, last.status) == (vendor, endpoint, status) => {
                *last = Sent { times: last.times + 1, took, ended, ..*last };
            }
            _ if full => {}
            _ => requests.push(Sent { stage, vendor, endpoint, status, took, ended, times: 1 }),
        }
    });
}

/// Whether there is something that nobody has taken.
pub fn are_left() -> bool {
    LIST.try_with(|list| !list.borrow().requests.is_empty()).unwrap_or(false)
}

/// All that were noted since the last time.
pub fn take() -> Vec<Sent> {
    LIST.try_with(|list| std::mem::take(&mut list.borrow_mut().requests)).unwrap_or_default()
}

/// They could not be written down: whoever takes next has them before the later ones.
pub fn put_back(mut earlier: Vec<Sent>) {
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
        let taken = kept("logger", async {
            note(Vendor::Sellsy, "GET /staffs", 200, TOOK);
            note(Vendor::Sellsy, "POST /phone-calls", 503, TOOK);
            note(Vendor::Sellsy, "POST /phone-calls", 503, TOOK);
            note(Vendor::Sellsy, "POST /phone-calls", 201, TOOK);
            assert!(are_left());
            let taken = take();
            assert!(!are_left(), "each is taken once");
            taken
        });
        let taken: Vec<_> = taken.await.iter().map(|sent| (sent.endpoint, sent.status, sent.times)).collect();
        assert_eq!(taken, [("GET /staffs", 200, 1), ("POST /phone-calls", 503, 2), ("POST /phone-calls", 201, 1)]);
    }

    #[tokio::test]
    async fn what_could_not_be_written_comes_before_later_requests() {
        let taken = kept("logger", async {
            note(Vendor::Sellsy, "GET /staffs", 200, TOOK);
            let unwritten = take();
            note(Vendor::Sellsy, "POST /phone-calls", 201, TOOK);
            put_back(unwritten);
            take()
        });
        let taken: Vec<_> = taken.await.iter().map(|sent| sent.endpoint).collect();
        assert_eq!(taken, ["GET /staffs", "POST /phone-calls"]);
    }

    #[tokio::test]
    async fn outside_of_a_message_nothing_is_kept_and_a_list_has_an_end() {
        note(Vendor::Sellsy, "GET /staffs", 200, Duration::ZERO);
        assert!(!are_left() && take().is_empty());
        let kept = kept("logger", async {
            for n in 0..1000 {
                note(Vendor::Sellsy, if n % 2 == 0 { "GET /a" } else { "GET /b" }, 200, Duration::ZERO);
            }
            take().len()
        });
        assert_eq!(kept.await, MOST);
    }
}
