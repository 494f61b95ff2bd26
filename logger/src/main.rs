//! Reads the settings, calls `run`, returns the exit code; or runs `preview`, for people who write a template.

use std::{ffi::OsString, path::Path, process::ExitCode};

use base::{
    out,
    settings::{Language, Needs},
    tell,
};
use broker::worker;

const ABOUT: &str = "Keeps one Sellsy phone call per Aircall call";
const PREVIEW: &str = "\
Renders example calls with a template of logs; needs no settings and no services

Usage: logger preview <fr|en> [FILE]

  FILE  a template [default: the built-in one of the language]

Examples:
  logger preview fr
  logger preview fr my-template.j2
";

// One thread is enough for what one process has in flight, and costs less than two (docs/decisions/0013).
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some((_, rest)) = arguments.split_first().filter(|(first, _)| *first == "preview") {
        return out::end("logger", preview(rest));
    }
    let needs = Needs { sellsy_api: true, ..Needs::default() };
    worker::main("logger", ABOUT, needs, logger::run).await
}

/// `logger preview`, with what follows it.
fn preview(arguments: &[OsString]) -> ExitCode {
    if arguments.iter().any(|word| word == "--help" || word == "-h") {
        out::print(PREVIEW);
        return ExitCode::SUCCESS;
    }
    let (language, file) = match arguments {
        [language] => (language.to_str(), None),
        [language, file] => (language.to_str(), Some(Path::new(file))),
        _ => (None, None),
    };
    let language = match language {
        Some("fr") => Language::French,
        Some("en") => Language::English,
        _ => {
            out::print_beside(PREVIEW);
            return ExitCode::from(2);
        }
    };
    match logger::preview(language, file) {
        Ok(shown) => {
            out::print(shown);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            tell!("{problem}");
            ExitCode::from(2)
        }
    }
}
