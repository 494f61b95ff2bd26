//! Reads the settings, calls `run`, returns the exit code; or runs `preview`, for people who write a template.

use std::{ffi::OsString, path::Path, process::ExitCode};

use base::settings::{Language, Needs};
use broker::worker;

const ABOUT: &str = "Keeps one Sellsy phone call per Aircall call";

// One thread is enough for what one process has in flight, and costs less than two (docs/decisions/0013).
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((_, rest)) = arguments.split_first().filter(|(first, _)| *first == "preview") {
        return preview(rest);
    }
    let needs = Needs { sellsy_api: true, ..Needs::default() };
    worker::main("logger", ABOUT, needs, logger::run).await
}

/// `logger preview fr|en [FILE]`. Needs no settings and no services.
fn preview(arguments: &[OsString]) -> ExitCode {
    let language = match arguments.first().and_then(|word| word.to_str()) {
        Some("fr") => Language::French,
        Some("en") => Language::English,
        _ => {
            eprintln!("usage: logger preview fr|en [FILE]");
            return ExitCode::from(2);
        }
    };
    match logger::preview(language, arguments.get(1).map(Path::new)) {
        Ok(shown) => {
            print!("{shown}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}
