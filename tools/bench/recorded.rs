//! The recorded ratios of an earlier short run, and whether this run still reaches them.
//!
//! Only ratios: absolute figures depend on the machine. A build without optimisation has its own, because CI has no other.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result};
use base::say;
use harness::workspace;

use crate::report::Figure;

/// Higher is better in all of them.
const KEPT: [&str; 4] = ["ingest_ratio", "calls_per_s_ratio", "scale_2", "scale_4"];
/// A larger loss than this is not noise.
const SHARE: f64 = 0.7;

type Ratios = BTreeMap<String, f64>;

fn file() -> PathBuf {
    workspace().join("tools/bench/recorded.json")
}

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

fn kept(figures: &[Figure]) -> Ratios {
    let kept = figures.iter().filter(|figure| KEPT.contains(&figure.key()));
    kept.map(|figure| (figure.key().to_owned(), (figure.result() * 10_000.0).round() / 10_000.0)).collect()
}

fn read() -> Result<BTreeMap<String, Ratios>> {
    let file = file();
    let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", file.display()))
}

pub(crate) fn write(figures: &[Figure]) -> Result<()> {
    let mut all = read().unwrap_or_default();
    all.entry(build().to_owned()).or_default().extend(kept(figures));
    std::fs::write(file(), serde_json::to_string_pretty(&all)? + "\n").context("the recorded ratios")?;
    say!("Recorded for {} builds: {}", build(), file().display());
    Ok(())
}

/// True if no ratio has fallen; prints those that have.
pub(crate) fn holds(figures: &[Figure]) -> Result<bool> {
    let recorded = read()?;
    let recorded = recorded.get(build()).with_context(|| format!("nothing is recorded for {} builds", build()))?;
    let fallen = fallen(&kept(figures), recorded);
    for (key, now, then) in &fallen {
        say!("{key} has fallen to {now:.4}, under {SHARE} of the recorded {then:.4}.");
    }
    if fallen.is_empty() {
        say!("No ratio has fallen under {SHARE} of the recorded one.");
    }
    Ok(fallen.is_empty())
}

fn fallen<'a>(now: &Ratios, recorded: &'a Ratios) -> Vec<(&'a str, f64, f64)> {
    let below = |(key, then): (&'a String, &f64)| {
        let now = *now.get(key)?;
        // A ratio that is not a number counts as fallen.
        (now.is_nan() || now < then * SHARE).then_some((key.as_str(), now, *then))
    };
    recorded.iter().filter_map(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_that_falls_under_its_share_is_reported() {
        let ratios = |value: f64| Ratios::from([("scale_2".to_owned(), value)]);
        for (now, expected) in [(2.0, 0), (1.41, 0), (1.39, 1), (f64::NAN, 1)] {
            assert_eq!(fallen(&ratios(now), &ratios(2.0)).len(), expected, "{now}");
        }
        assert!(fallen(&Ratios::new(), &ratios(2.0)).is_empty(), "what was not measured has not fallen");
    }
}
