//! What was measured: a table for people, `target/bench/report.json` for programs.

use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use tests::workspace;

/// A value in a unit, what it is to be compared with, and what should be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// Measured in the same run: what it is, and its value in the same unit.
    pub(crate) reference: Option<(&'static str, f64)>,
    pub(crate) reach: Option<Reach>,
}

/// A bound on the value, or on its ratio to the reference.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    AtLeast(f64),
    AtMost(f64),
    RatioAtLeast(f64),
    RatioAtMost(f64),
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, reference: None, reach: None }
    }

    pub(crate) fn beside(self, what: &'static str, value: f64) -> Self {
        Self { reference: Some((what, value)), ..self }
    }

    pub(crate) fn reach(self, reach: Reach) -> Self {
        Self { reach: Some(reach), ..self }
    }

    fn ratio(&self) -> Option<f64> {
        self.reference.map(|(_, reference)| self.value / reference)
    }

    pub(crate) fn is_reached(&self) -> bool {
        match self.reach {
            None => true,
            Some(Reach::AtLeast(bound)) => self.value >= bound,
            Some(Reach::AtMost(bound)) => self.value <= bound,
            Some(Reach::RatioAtLeast(bound)) => self.ratio().is_some_and(|ratio| ratio >= bound),
            Some(Reach::RatioAtMost(bound)) => self.ratio().is_some_and(|ratio| ratio <= bound),
        }
    }

    fn row(&self) -> [String; 5] {
        let reference = self.reference.map(|(what, value)| format!("{} {what}", number(value))).unwrap_or_default();
        let reach = match self.reach {
            None => String::new(),
            Some(Reach::AtLeast(bound)) => format!("≥ {} {}", number(bound), self.unit),
            Some(Reach::AtMost(bound)) => format!("≤ {} {}", number(bound), self.unit),
            Some(Reach::RatioAtLeast(bound)) => format!("≥ {}", number(bound)),
            Some(Reach::RatioAtMost(bound)) => format!("≤ {}", number(bound)),
        };
        let verdict = if self.is_reached() { "" } else { "  NOT REACHED" };
        let ratio = self.ratio().map(number).unwrap_or_default();
        [self.name.clone(), format!("{} {}", number(self.value), self.unit), reference, ratio, reach + verdict]
    }
}

/// Three significant digits are as many as a measurement has.
fn number(value: f64) -> String {
    match value.abs() {
        n if n >= 100.0 || n == 0.0 => format!("{value:.0}"),
        n if n >= 10.0 => format!("{value:.1}"),
        n if n >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The value below which a share of the samples lies, in milliseconds.
pub(crate) fn quantile_ms(samples: &mut [Duration], share: f64) -> f64 {
    samples.sort_unstable();
    let last = samples.len().saturating_sub(1);
    let at = (last as f64 * share).round() as usize;
    samples.get(at).map_or(f64::NAN, |sample| sample.as_secs_f64() * 1000.0)
}

pub(crate) fn write(figures: &[Figure]) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["figure", "measured", "reference, same run", "ratio", "reach"]);
    for figure in figures {
        table.add_row(figure.row());
    }
    println!("\n{table}");
    let folder = workspace().join("target/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("{}", folder.display()))?;
    let file = folder.join("report.json");
    std::fs::write(&file, serde_json::to_string_pretty(figures)?).with_context(|| format!("{}", file.display()))?;
    println!("The same for programs: {}", file.display());
    Ok(())
}
