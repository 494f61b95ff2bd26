//! Makes a budget visible: how many requests wait in this process, and the windows as metrics. Also notices, for all messages of
//! this process that wait for an unavailable API, that the API is back.

use std::{
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use base::error::Result;
use tokio::time;
use uuid::Uuid;

use super::{Budget, Span, WindowStatus, lane::Lane, state::Shared, store};

const EVERY: Duration = Duration::from_secs(1);
/// How often the windows are recorded as metrics, in ticks.
const RECORD_EVERY: u64 = 15;
const TELL_CONTESTED_EVERY: u64 = 5;

/// Once a second: looks whether an unavailable API is back, and stores how many requests wait in this process. Ends when the budget
/// is dropped.
pub(super) async fn run(budget: Weak<Shared>, worker: &'static str) {
    let process = Uuid::now_v7();
    let mut stored = [0; Lane::COUNT];
    for tick in 0_u64.. {
        time::sleep(EVERY).await;
        let Some(budget) = budget.upgrade() else { return };
        Budget(budget.clone()).look_whether_available().await;
        let waiting = Lane::ALL.map(|lane| budget.lanes[lane as usize].waiting.load(Ordering::Relaxed));
        for (lane, waiting) in Lane::ALL.iter().zip(waiting) {
            metrics::gauge!("callbridge_budget_waiting", "api" => budget.api.as_str(), "lane" => lane.as_str())
                .set(f64::from(waiting));
        }
        if tick.is_multiple_of(RECORD_EVERY) {
            record_windows(&budget).await;
        }
        if budget.strain().is_contested(time::Instant::now()) && tick.is_multiple_of(TELL_CONTESTED_EVERY) {
            // It is only for display.
            if let Ok(client) = budget.database.client().await {
                let _ = store::note_contested(&client, budget.api).await;
            }
        }
        let waiting = waiting.map(|waiting| i32::try_from(waiting).unwrap_or(i32::MAX));
        if waiting == [0; Lane::COUNT] && stored == waiting && !tick.is_multiple_of(60) {
            continue;
        }
        // It is only for display, so a failure does not matter.
        if let Ok(client) = budget.database.client().await {
            let _ = store::store_waiting(&client, process, worker, budget.api, waiting).await;
        }
        stored = waiting;
    }
}

async fn windows_of(budget: &Shared) -> Result<Vec<WindowStatus>> {
    let mut windows = store::window_status(&budget.database.client().await?).await?;
    windows.retain(|window| window.api == budget.api.as_str());
    Ok(windows)
}

/// Records the windows of this API as metrics, and keeps their limits. They are the same in every process.
async fn record_windows(budget: &Shared) {
    // If the database does not say, there are none: who scales by this needs a value from the beginning, and none from before.
    let windows = windows_of(budget).await.unwrap_or_default();
    metrics::gauge!("callbridge_budget_contested", "api" => budget.api.as_str())
        .set(f64::from(windows.iter().any(|window| window.contested)));
    if windows.is_empty() {
        return;
    }
    // Another process may have read the API's own limits.
    let known = |window: &WindowStatus| {
        let span = Span::ALL.into_iter().find(|span| span.as_str() == window.span)?;
        Some((span, i64::from(window.limit)))
    };
    budget.set_known(windows.iter().filter_map(known).collect());
    for window in windows {
        let used: i64 = window.used.iter().sum();
        let (api, paused) = (budget.api.as_str(), window.paused_until.is_some());
        metrics::gauge!("callbridge_budget_limit_requests", "api" => api, "window" => window.span.clone())
            .set(f64::from(window.limit));
        metrics::gauge!("callbridge_budget_used_requests", "api" => api, "window" => window.span).set(used as f64);
        metrics::gauge!("callbridge_budget_paused", "api" => api).set(if paused { 1.0 } else { 0.0 });
    }
}
