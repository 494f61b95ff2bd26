//! The data file: what both accounts hold when the sandbox starts.
//!
//! TOML with a section per vendor. Unknown keys are errors, so that a typo does not quietly weaken a test; the quotas of
//! the command line replace the file's.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::options::Options;
use crate::{aircall, sellsy};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    pub aircall: aircall::Seed,
    pub sellsy: sellsy::Seed,
}

impl Seed {
    pub fn read(path: &Path) -> anyhow::Result<Seed> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a valid account", path.display()))
    }

    pub fn with_quotas_of(mut self, options: &Options) -> Seed {
        let replace = |limit: &mut Option<u32>, option: Option<u32>| {
            if let Some(requests) = option {
                *limit = Some(requests);
            }
            *limit = limit.filter(|requests| *requests > 0);
        };
        replace(&mut self.sellsy.quotas.second, options.sellsy_per_second);
        replace(&mut self.sellsy.quotas.minute, options.sellsy_per_minute);
        replace(&mut self.sellsy.quotas.day, options.sellsy_per_day);
        replace(&mut self.aircall.requests_per_minute, options.aircall_per_minute);
        self
    }
}
