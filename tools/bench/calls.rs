//! One of each worker, budgets open: how soon a log is written, how many calls a second are handled, what each costs.

use std::time::Duration;

use anyhow::Result;

use crate::{
    Form,
    flow::Site,
    load,
    machine::Spent,
    people::THOUSAND,
    report::{Figure, Reach, quantile_ms},
};

/// The number of calls in flight at a time.
const LINES: usize = 64;
const PER_S: u32 = 200;
/// Memory is measured after this many calls.
const CALLS: f64 = 10_000.0;

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let site = Site::up(&THOUSAND).await?;
    let lasts = form.pick(Duration::from_secs(6), Duration::from_secs(30));
    site.closed_loop(LINES, Duration::from_secs(3)).await?;
    let bare = site.bare().await?;
    let body = |n: i64| load::created(3_811_600_001 + n, "+33 6 39 98 41 07");
    let before = bare.publishes_per_s(body, Duration::from_secs(2)).await?;
    let mut took = site.at_rate(PER_S, lasts).await?;

    let (requests, cpu, logged) = (site.vendors.requests(), site.cpu()?, site.vendors.logged());
    let spent = Spent::now()?;
    let (per_s, _) = site.closed_loop(LINES, lasts).await?;
    let spent = (spent, Spent::now()?);
    let calls = (site.vendors.logged() - logged) as f64;
    // Measured before and after, because a machine's speed varies.
    let published = f64::midpoint(before, bare.publishes_per_s(body, Duration::from_secs(2)).await?);
    let per_call = |before: u64, after: u64| (after - before) as f64 / calls;
    let after = site.vendors.requests();
    let mut figures = vec![
        Figure::new(
            "log_p95_ms",
            format!("call.ended to its log at {PER_S} calls/s, p95"),
            quantile_ms(&mut took, 0.95),
            "ms",
        )
        .reach(Reach::AtMost(10.0)),
        Figure::new("log_p50_ms", "the same, median", quantile_ms(&mut took, 0.5), "ms"),
        Figure::ratio("calls_per_s_ratio", "whole calls carried, one of each worker", per_s, "/s")
            .beside("bare publishes/s, 64 under way", published)
            .reach(Reach::RatioAtLeast(0.045)),
        Figure::new("calls_per_s", "the same", per_s, "/s"),
        Figure::new("sellsy_per_call", "Sellsy requests per call, warm", per_call(requests.0, after.0), "")
            .reach(Reach::AtMost(1.1)),
        Figure::new("aircall_per_call", "Aircall requests per call, warm", per_call(requests.1, after.1), "")
            .reach(Reach::AtMost(1.0)),
    ];
    for (worker, spent) in site.cpu()? {
        let ms = (spent - cpu[worker]).as_secs_f64() * 1000.0 / calls;
        figures.push(Figure::new("cpu_ms_per_call", format!("CPU per call, {worker}"), ms, "ms").of(worker));
    }
    figures.extend(of_machine(spent, calls));
    while (site.vendors.logged() as f64) < form.pick(0.0, CALLS) {
        site.closed_loop(LINES, Duration::from_secs(2)).await?;
    }
    for (worker, mb) in site.rss_mb()? {
        let what = format!("memory of {worker} after {} calls", site.vendors.logged());
        figures.push(Figure::new("rss_mb", what, mb, "MB").of(worker).reach(Reach::AtMost(40.0)));
    }
    for (worker, took) in &site.ready {
        let ms = took.as_secs_f64() * 1000.0;
        let what = format!("{worker} from start to ready");
        figures.push(Figure::new("ready_ms", what, ms, "ms").of(*worker).reach(Reach::AtMost(1000.0)));
    }
    site.down().await?;
    Ok(figures)
}

/// What a call costs beside the workers, and altogether. The first figure has the bench's own part in it, and whatever else ran on the machine.
fn of_machine((before, after): (Spent, Spent), calls: f64) -> [Figure; 4] {
    let ms = |part: fn(&Spent) -> Duration| part(&after).saturating_sub(part(&before)).as_secs_f64() * 1000.0 / calls;
    let part = |of, what: &str, value| Figure::new("cpu_ms_per_call", what, value, "ms").of(of);
    let whole = "CPU per call, whole machine, with the bench's own part: the played vendors, the caller";
    [
        Figure::new("cpu_ms_per_call_machine", whole, ms(|spent| spent.machine), "ms").reach(Reach::AtMost(3.3)),
        part("bench", "of it the bench itself", ms(|spent| spent.bench)),
        part("postgres", "of it PostgreSQL", ms(|spent| spent.postgres)),
        part("broker", "of it RabbitMQ", ms(|spent| spent.broker)),
    ]
}
