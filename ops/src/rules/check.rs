//! `callbridge rules check`: without services, and without other settings.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use base::{
    out,
    phone::{Region, Regions},
    rules::{self, Mistake},
    say,
};
use clap::Args;
use serde_json::json;

use crate::arguments::Wrong;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The file [default: the one that RULES names]
    file: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let set = std::env::var_os("RULES").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(file) = arguments.file.clone().or(set) else {
        return Err(Wrong("name a file, or set RULES".to_owned()).into());
    };
    // Where numbers without a country code are dialled; `callbridge check` says if the setting is wrong.
    let regions = std::env::var("DEFAULT_REGION").ok().and_then(|text| text.parse::<Regions>().ok());
    let region = regions.as_ref().map_or_else(Region::default, Regions::first);
    let mistakes = rules::read(&file, region).err().unwrap_or_default();
    if arguments.json {
        let report = json!({ "file": file, "works": mistakes.is_empty(), "mistakes": mistakes });
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        out::print(report(&file, &mistakes));
    }
    Ok(match mistakes.as_slice() {
        [] => ExitCode::SUCCESS,
        // There is no such file, or it is not for this user: the argument is wrong.
        _ if std::fs::File::open(&file).is_err() => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    })
}

pub(super) fn report(file: &Path, mistakes: &[Mistake]) -> String {
    let file = file.display();
    let lines = mistakes.iter().map(|mistake| format!("  - {mistake}\n"));
    match mistakes.len() {
        0 => format!("{file}: no mistake\n"),
        n => std::iter::once(format!("{file}: {n} to correct\n")).chain(lines).collect(),
    }
}
