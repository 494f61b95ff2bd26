//! `callbridge`: what an operator asks and does.
//!
//! So far it tells the story of one call and why it was logged where it was. Exit codes: 0 when the answer was found, 1 when there is none or something
//! went wrong, 2 for wrong arguments.

mod call;
mod directory;
mod explain;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use secrecy::SecretString;
use shared::{db::Database, health::Readiness, settings, tls};
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks into a Callbridge installation
#[derive(Parser)]
#[command(name = "callbridge", version)]
struct Cli {
    /// Database, the same as the workers'
    #[arg(
        long,
        env,
        default_value = "postgres://postgres@127.0.0.1:5432/callbridge",
        hide_env_values = true,
        global = true
    )]
    database_url: SecretString,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tells what happened to a call: events, decisions, requests, writes
    #[command(after_help = "Example: callbridge call 3811600001")]
    Call {
        /// Aircall's id of the call, as the log in Sellsy shows it
        id: i64,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Shows how complete and how fresh the phone directory is
    #[command(subcommand)]
    Directory(Directory),
    /// Tells why a call was logged where it was: candidates, the rule that chose, the opportunity
    #[command(after_help = "Example: callbridge explain 3811600001")]
    Explain {
        /// Aircall's id of the call
        call_id: i64,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum Directory {
    /// Records and numbers by kind, when they were read, and what went wrong; exit code 1 until all is loaded
    Status {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match settings::arguments(&Cli::command()) {
        Ok(arguments) => arguments,
        Err(problems) => {
            eprint!("callbridge cannot start; set these environment variables right:\n{problems}");
            return ExitCode::from(2);
        }
    };
    match run(Cli::parse_from(arguments)).await {
        Ok(code) => code,
        Err(e) => {
            eprintln!("callbridge: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    tls::install_provider();
    let readiness = Readiness::default();
    let database = Database::start(&cli.database_url, 2, readiness.condition("database"), CancellationToken::new())?;
    let there = tokio::time::timeout(PATIENCE, database.available()).await;
    if there.is_err() {
        let reasons: Vec<String> = readiness.missing().into_iter().map(|(_, reason)| reason).collect();
        anyhow::bail!("{}; check DATABASE_URL", reasons.join("; "));
    }
    match cli.command {
        Command::Directory(Directory::Status { json }) => {
            directory::status(&database, json).await.context("the directory could not be read")
        }
        Command::Explain { call_id, json } => {
            explain::run(&database, call_id, json).await.context("the decision could not be read")
        }
        Command::Call { id, json } => call::run(&database, id, json).await.context("the timeline could not be read"),
    }
}
