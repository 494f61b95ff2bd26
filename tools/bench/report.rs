//! The results: a table for people, `target/bench/report.json` for programs.
//!
//! The file holds `figures` (by key; by worker where there is one each), `references` (the value next to a figure) and `reach`.
//! A run of one part keeps what other runs have written.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use base::say;
use comfy_table::{ContentArrangement, Table, presets};
use harness::workspace;
use serde_json::{Map, Value, json};

/// A value in a unit, with its reference and its target.
#[derive(Debug)]
pub(crate) struct Figure {
    key: &'static str,
    /// Distinguishes several figures with the same key.
    of: Option<String>,
    name: String,
    value: f64,
    unit: &'static str,
    /// Measured in the same run: what it is, and its value in the same unit.
    reference: Option<(&'static str, f64)>,
    /// For programs, the ratio to the reference is the figure.
    as_ratio: bool,
    reach: Option<Reach>,
}

/// A bound on the value, or on its ratio to the reference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

impl Figure {
    pub(crate) fn new(key: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { key, of: None, name: name.into(), value, unit, reference: None, as_ratio: false, reach: None }
    }

    /// A figure whose ratio to its reference is the result.
    pub(crate) fn ratio(key: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { as_ratio: true, ..Self::new(key, name, value, unit) }
    }

    pub(crate) fn of(self, which: impl Into<String>) -> Self {
        Self { of: Some(which.into()), ..self }
    }

    pub(crate) fn beside(self, what: &'static str, value: f64) -> Self {
        Self { reference: Some((what, value)), ..self }
    }

    pub(crate) fn reach(self, reach: Reach) -> Self {
        Self { reach: Some(reach), ..self }
    }

    fn beside_its_reference(&self) -> Option<f64> {
        self.reference.map(|(_, reference)| self.value / reference)
    }

    pub(crate) fn key(&self) -> &'static str {
        self.key
    }

    /// The figure as written for programs.
    pub(crate) fn result(&self) -> f64 {
        self.beside_its_reference().filter(|_| self.as_ratio).unwrap_or(self.value)
    }

    pub(crate) fn is_reached(&self) -> bool {
        let ratio = self.beside_its_reference();
        match self.reach {
            None => true,
            Some(Reach::AtLeast(bound)) => self.value >= bound,
            Some(Reach::AtMost(bound)) => self.value <= bound,
            Some(Reach::RatioAtLeast(bound)) => ratio.is_some_and(|ratio| ratio >= bound),
            Some(Reach::RatioAtMost(bound)) => ratio.is_some_and(|ratio| ratio <= bound),
        }
    }

    fn bound(&self) -> String {
        match self.reach {
            None => String::new(),
            Some(Reach::AtLeast(bound)) => format!("≥ {} {}", number(bound), self.unit),
            Some(Reach::AtMost(bound)) => format!("≤ {} {}", number(bound), self.unit),
            Some(Reach::RatioAtLeast(bound)) => format!("≥ {}", number(bound)),
            Some(Reach::RatioAtMost(bound)) => format!("≤ {}", number(bound)),
        }
    }

    fn row(&self) -> [String; 5] {
        let reference = self.reference.map(|(what, value)| format!("{} {what}", number(value))).unwrap_or_default();
        let verdict = if self.is_reached() { "" } else { "  NOT REACHED" };
        let ratio = self.beside_its_reference().map(number).unwrap_or_default();
        let value = format!("{} {}", number(self.value), self.unit);
        [self.name.clone(), value, reference, ratio, self.bound() + verdict]
    }
}

/// A measurement has no more than three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        n if n >= 100.0 || n == 0.0 => format!("{value:.0}"),
        n if n >= 10.0 => format!("{value:.1}"),
        n if n >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The value below which this share of the samples lies, in milliseconds.
pub(crate) fn quantile_ms(samples: &mut [Duration], share: f64) -> f64 {
    samples.sort_unstable();
    let last = samples.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    samples.get(at).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1000.0)
}

pub(crate) fn print(figures: &[Figure]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["figure", "measured", "reference, same run", "ratio", "reach"]);
    for figure in figures {
        table.add_row(figure.row());
    }
    say!("\n{table}");
}

fn file() -> PathBuf {
    workspace().join("target/bench/report.json")
}

pub(crate) fn write(figures: &[Figure]) -> Result<()> {
    let file = file();
    let before = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let report = merged(before.unwrap_or_default(), figures);
    std::fs::create_dir_all(file.parent().context("a folder")?).with_context(|| format!("{}", file.display()))?;
    std::fs::write(&file, serde_json::to_string_pretty(&report)?).with_context(|| format!("{}", file.display()))?;
    say!("The same for programs: {}", file.display());
    Ok(())
}

/// Measured keys replace the stored ones.
fn merged(mut report: Map<String, Value>, figures: &[Figure]) -> Map<String, Value> {
    for figure in figures {
        let value = json!(figure.result());
        let reference = figure.reference.map(
            |(what, value)| json!({ "what": what, "value": value, "measured": figure.value, "unit": figure.unit }),
        );
        let reach = figure.reach.map(|_| json!({ "bound": figure.bound(), "reached": figure.is_reached() }));
        for (part, value) in [("figures", Some(value)), ("references", reference), ("reach", reach)] {
            let Some(value) = value else { continue };
            let part = report.entry(part).or_insert_with(|| json!({}));
            let place = match &figure.of {
                None => &mut part[figure.key],
                Some(of) => &mut part[figure.key][of],
            };
            *place = value;
        }
    }
    report
}
