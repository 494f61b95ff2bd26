//! Accounts with any number of records: the sandbox's own, and these with one number each.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::{Context, Result};
use harness::{ACCOUNTS, workspace};

/// The number of records of each kind.
pub(crate) type Records = [(&'static str, usize); 3];

pub(crate) const THOUSAND: Records = [("individuals", 600), ("companies", 200), ("contacts", 200)];
pub(crate) const HUNDRED_THOUSAND: Records = [("individuals", 60_000), ("companies", 20_000), ("contacts", 20_000)];

pub(crate) fn count(records: &Records) -> usize {
    records.iter().map(|(_, count)| count).sum()
}

/// A data file for the sandbox.
pub(crate) fn account(records: &Records) -> Result<PathBuf> {
    let data = workspace().join("target/bench").join(format!("account-{}.toml", count(records)));
    std::fs::create_dir_all(data.parent().context("a folder")?)?;
    std::fs::write(&data, std::fs::read_to_string(workspace().join(ACCOUNTS))? + people(records).as_str())?;
    Ok(data)
}

/// The numbers are typed in four ways, as people do.
fn people(records: &Records) -> String {
    let mut text = String::new();
    let mut n = 0;
    for (kind, count) in records {
        for _ in 0..*count {
            let id = 1_000_000 + n;
            let digits = national(n);
            let typed = match n % 4 {
                0 => format!("0{digits}"),
                1 => format!("+33 {digits}"),
                2 => format!("0033{digits}"),
                _ => format!("0{}.{}.{}", &digits[..1], &digits[1..5], &digits[5..]),
            };
            let name = match *kind {
                "individuals" => format!("type = \"client\"\nlast_name = \"Client {n}\""),
                "companies" => format!("type = \"prospect\"\nname = \"Company {n}\""),
                _ => format!("last_name = \"Contact {n}\"\ncompanies = [3001]"),
            };
            let created = "2025-02-03T09:15:00+01:00";
            let _ = write!(
                text,
                "\n[[sellsy.{kind}]]\nid = {id}\n{name}\nmobile_number = \"{typed}\"\nowner_id = 101\ncreated = \"{created}\"\n"
            );
            n += 1;
        }
    }
    text
}

/// The national significant number of the nth person, from a block of French mobile numbers.
pub(crate) fn national(n: usize) -> String {
    format!("7{:08}", 30_000_000 + n)
}
