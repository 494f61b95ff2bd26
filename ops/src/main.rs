//! `callbridge`: what an operator asks and does.
//!
//! It looks into the same database as the workers and takes their settings from the environment. Exit codes: 0 when
//! the answer was found, 1 when there is none or something went wrong, 2 for wrong arguments or settings.

mod backfill;
mod budget;
mod call;
mod check;
mod console;
mod dead;
mod directory;
mod explain;
mod forget;
mod ready;
mod search;
mod webhook;

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use base::{
    db::Database,
    health::Readiness,
    settings::{Needs, Settings},
    tls,
};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// For pages that are asked for at once, and a replay beside them.
const CONSOLE_CONNECTIONS: usize = 8;
/// For every other command.
const FEW: usize = 2;

/// Looks after a Callbridge installation, which carries Aircall's phone calls onto the right records in Sellsy
///
/// It works on the same broker and database as the workers and takes the same settings from the environment: those of
/// `.env.example`, for instance with `set -a; . ./.env`. Exit codes: 0 when the answer was found or the work is done, 1 when there is
/// none or something went wrong, 2 for wrong arguments or settings.
#[derive(Parser)]
#[command(
    name = "callbridge",
    version,
    after_help = "Examples:\n  callbridge check                       is everything as it should be, and what to do if not\n  \
                  callbridge explain \"06 39 98 41 07\"    where would a call from this number be logged, and why\n  \
                  callbridge call 3811600001             what happened to this call\n  \
                  callbridge dead list                   what could not be done, and why"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Looks for calls that no webhook brought, in Aircall's list of the last six months, and has them logged
    #[command(after_help = backfill::EXAMPLES)]
    Backfill(backfill::Arguments),
    /// Shows the budget of each API: limit, used, remaining, who waits, and whether sending is paused and why
    #[command(after_help = "Examples:\n  callbridge budget\n  watch callbridge budget")]
    Budget {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Tells what happened to a call: events, decisions, requests, writes
    #[command(
        after_help = "Examples:\n  callbridge call 3811600001\n  callbridge call 3811600001 --json | jq '.[].what'"
    )]
    Call {
        /// Aircall's id of the call, as the log in Sellsy shows it
        id: i64,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Serves the operator's pages: overview, calls and why they are where they are, dead letters, directory
    #[command(after_help = console::ABOUT)]
    Console,
    /// Tests every link for real: settings, broker, queues, database, both APIs, scopes, quotas, the webhook, clocks
    #[command(
        long_about = "Tests every link for real and says what to do about each fault: settings, broker, exchanges and queues, database and \
                      migrations, the credentials of Aircall and Sellsy, Sellsy's scopes and quotas, the Aircall webhook and its events, clocks.\n\n\
                      It changes nothing. Exit code 0 if all is well or there are only warnings, else 1.",
        after_help = "Examples:\n  callbridge check\n  callbridge check --json | jq '.findings[] | select(.state != \"ok\")'"
    )]
    Check {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Prints what makes a shell complete commands and options with the Tab key
    #[command(
        after_help = "Examples:\n  callbridge completions bash > ~/.local/share/bash-completion/completions/callbridge\n  \
                      callbridge completions zsh > \"${fpath[1]}/_callbridge\"\n  \
                      callbridge completions fish > ~/.config/fish/completions/callbridge.fish\n\nA new shell knows them."
    )]
    Completions { shell: Shell },
    /// Parked messages: what went wrong, sending them back to work, dropping them
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge dead list\n  callbridge dead replay --code SELLSY_FORBIDDEN\n\ndocs/errors.md says of each code what to do."
    )]
    Dead(dead::Dead),
    /// The phone directory: how complete and fresh it is, and reading it anew
    #[command(subcommand, after_help = "Examples:\n  callbridge directory status\n  callbridge directory sync")]
    Directory(Directory),
    /// Tells where calls are logged and why: candidates in order, the rule that chose, the opportunity
    #[command(
        long_about = "Tells where a call was logged and why, or where a call from a number would be: candidates in order, the rule that chose, \
                      the opportunity.\n\nA number asks Sellsy for the opportunity, and for the caller if the directory does not know the number.",
        after_help = "Examples:\n  callbridge explain 3811600001\n  callbridge explain \"+33 6 39 98 41 07\"\n  callbridge explain 0639984107"
    )]
    Explain {
        /// Aircall's id of a call, or a phone number with + or a leading 0
        #[arg(allow_hyphen_values = true)]
        caller: String,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Erases what is kept about a person, after asking; tells what stays in Sellsy
    #[command(after_help = forget::EXAMPLES)]
    Forget(forget::Arguments),
    /// Tells whether a worker is ready and if not why, by its exit code as well: for health checks of containers
    #[command(after_help = ready::EXAMPLES)]
    Ready {
        /// Another address than that of the worker beside it (/readyz of HTTP_LISTEN); plain http
        url: Option<String>,
    },
    /// Aircall's webhooks: whether one delivers all that is needed, and making or repairing it
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge webhook status\n  callbridge webhook install --url https://calls.example.com/webhooks/aircall"
    )]
    Webhook(webhook::Command),
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Subcommand)]
enum Directory {
    /// Records and numbers by kind, when they were read, and what went wrong; exit code 1 until all is loaded
    #[command(after_help = "Examples:\n  callbridge directory status\n  callbridge directory status --json")]
    Status {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Has a resolver read what has changed in Sellsy now, and waits until that is done
    #[command(after_help = "Examples:\n  callbridge directory sync\n  callbridge directory sync --everything")]
    Sync {
        /// Read every record again, not only what has changed; also finds what was deleted
        #[arg(long)]
        everything: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    tls::install_provider();
    let ended = Box::pin(run(Cli::parse().command)).await;
    ended.unwrap_or_else(|e| {
        eprintln!("callbridge: {e:#}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let nothing = Needs::default();
    let aircall = Needs { aircall_api: true, ..nothing };
    match command {
        // These must work without any of what the others need.
        Command::Check { json } => check::run(json).await,
        Command::Completions { shell } => {
            complete(shell);
            Ok(ExitCode::SUCCESS)
        }
        Command::Ready { url } => ready::run(url).await,
        Command::Backfill(arguments) => {
            installed(aircall, FEW, async |i| backfill::run(&i.database, &i.settings, &arguments).await).await
        }
        Command::Budget { json } => {
            installed(nothing, FEW, async |i| {
                budget::run(&i.database, json).await.context("the budget could not be read")
            })
            .await
        }
        Command::Call { id, json } => {
            installed(nothing, FEW, async |i| {
                call::run(&i.database, id, json).await.context("the timeline could not be read")
            })
            .await
        }
        Command::Console => {
            let needs = Needs { console_password: true, ..nothing };
            installed(needs, CONSOLE_CONNECTIONS, async |i| console::run(&i.database, &i.settings).await).await
        }
        Command::Dead(command) => {
            installed(nothing, FEW, async |i| dead::run(&i.database, &i.settings, command).await).await
        }
        Command::Directory(Directory::Status { json }) => {
            installed(nothing, FEW, async |i| {
                directory::status(&i.database, json).await.context("the directory could not be read")
            })
            .await
        }
        Command::Directory(Directory::Sync { everything }) => {
            installed(nothing, FEW, async |i| {
                directory::sync(&i.database, everything).await.context("the directory could not be followed")
            })
            .await
        }
        Command::Explain { caller, json } => {
            let needs = Needs { sellsy_api: !explain::is_call_id(&caller), ..nothing };
            installed(needs, FEW, async |i| explain::run(&i.database, &i.settings, &caller, json).await).await
        }
        Command::Forget(arguments) => {
            installed(nothing, FEW, async |i| forget::run(&i.database, &i.settings, &arguments).await).await
        }
        Command::Webhook(command) => {
            installed(aircall, FEW, async |i| webhook::run(&i.database, &i.settings, &command).await).await
        }
    }
}

/// What most commands work on.
struct Installed {
    settings: Settings,
    database: Database,
}

/// Runs a command on the installation that the settings name. Exit code 2 if they are wrong.
async fn installed(
    needs: Needs,
    connections: usize,
    command: impl AsyncFnOnce(Installed) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let settings = match Settings::from_environment(needs) {
        Ok(settings) => settings,
        Err(problems) => {
            eprint!("callbridge cannot start; set these environment variables right:\n{problems}");
            return Ok(ExitCode::from(2));
        }
    };
    tls::check()?;
    let readiness = Readiness::default();
    let condition = readiness.condition("database");
    let database = Database::start(&settings.database_url, connections, condition, CancellationToken::new())?;
    if tokio::time::timeout(PATIENCE, database.available()).await.is_err() {
        let reasons: Vec<String> = readiness.missing().into_iter().map(|(_, reason)| reason).collect();
        anyhow::bail!("{}; check DATABASE_URL", reasons.join("; "));
    }
    Box::pin(command(Installed { settings, database })).await
}

fn complete(shell: Shell) {
    use clap_complete::Shell as Known;
    let shell = match shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    clap_complete::generate(shell, &mut Cli::command(), "callbridge", &mut std::io::stdout());
}

/// How long ago, for people.
fn ago(now: Timestamp, at: Timestamp) -> String {
    let minutes = now.duration_since(at).as_secs() / 60;
    match minutes {
        0..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests;
