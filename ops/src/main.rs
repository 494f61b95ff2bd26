//! `callbridge`: the operator's command.
//!
//! Each subcommand is a module. They read the same database and broker as the workers, and the same settings from the
//! environment; what they explain comes from the workers' own code, so it cannot disagree with what the workers do.
//! Exit codes: 0 when the answer was found or the work is done, 1 when there is no answer or something went wrong, 2 for
//! wrong arguments or settings.

// Everything is printed by `base::out`, which does not mind if nobody reads any more.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod access;
mod arguments;
mod audit;
mod backfill;
mod budget;
mod call;
mod calls;
mod check;
mod console;
mod csv;
mod dead;
mod directory;
mod env_file;
mod erased;
mod explain;
mod filters;
mod forget;
mod messages;
mod migrate;
mod missed;
mod needs;
mod pins;
mod prospects;
mod ready;
mod relink;
mod reports;
mod rules;
mod search;
mod setup;
mod tokens;
mod webhook;
mod who;

use std::{collections::BTreeMap, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use arguments::Wrong;
use audit::Deed;
use base::{
    db::{Database, Plans},
    error::with_causes,
    health::Readiness,
    ids::CallId,
    out,
    settings::{Needs, Problems, Settings},
    telemetry::colours,
    tell, tls,
};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use env_file::EnvFile;
use jiff::{Timestamp, tz::TimeZone};
use resolver::directory::store::Turn;
use tokio_util::sync::CancellationToken;

/// For the first connection to the database or the broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Database connections of the console: for several pages at once, and a replay beside them.
const CONSOLE_CONNECTIONS: usize = 8;
/// Database connections of every other command.
const FEW_CONNECTIONS: usize = 2;

/// Inspects and operates a Callbridge installation, which logs Aircall's phone calls on the right records in Sellsy
///
/// It uses the same broker and database as the workers and reads the same settings, those of `.env.example`: from the environment, and for
/// what that does not set, from the file `.env` in this folder. Exit codes: 0 when the answer was found or the work is done, 1 when there is
/// none or something went wrong, 2 for wrong arguments or settings.
#[derive(Parser)]
#[command(
    name = "callbridge",
    version,
    after_help = "Examples:\n  callbridge setup                       the first run: asks for the keys, and ends with the first logged call\n  \
                  callbridge check                       does everything work, and what to do if not\n  \
                  callbridge explain \"06 39 98 41 07\"    where a call from this number would be logged, and why\n  \
                  callbridge calls --since 7d            which calls there were, and what became of each\n  \
                  callbridge call 3811600001             what happened to this call\n  \
                  callbridge dead list                   which messages could not be handled, and why"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists what people and their programs did by hand: who, when, of what, with what result
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::Arguments),
    /// Finds calls of the last six months that no webhook brought, in Aircall's list, and has them logged
    #[command(after_help = backfill::EXAMPLES)]
    Backfill(backfill::Arguments),
    /// Shows the request budget of each API: limit, used, remaining, requests waiting, and whether sending is paused and why
    #[command(after_help = "Examples:\n  callbridge budget\n  watch callbridge budget")]
    Budget {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Shows what happened to a call: events, decisions, requests, writes
    #[command(
        after_help = "Examples:\n  callbridge call 3811600001\n  callbridge call 3811600001 --json | jq '.[].what'"
    )]
    Call {
        /// Aircall's id of the call, as the log in Sellsy shows it; or that of a conversation, as `callbridge messages` shows it
        #[arg(allow_negative_numbers = true, value_parser = arguments::story_id)]
        id: CallId,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lists calls, newest first: who called, on which record, who answered, what became of it; as a table, CSV or JSON
    #[command(after_help = calls::EXAMPLES)]
    Calls(calls::Arguments),
    /// Serves the operator's web pages: overview, calls and why each was logged where it was, dead letters, directory
    #[command(after_help = console::ABOUT)]
    Console {
        /// Only print who may do what: method, path, role, and the name in the audit
        #[arg(long)]
        routes: bool,
    },
    /// Tests every connection for real: settings, broker, queues, database, both APIs, scopes, quotas, the webhook, clocks
    #[command(
        long_about = "Tests every connection for real and says how to fix each fault: settings, broker, exchanges and queues, database and \
                      migrations, the credentials of Aircall and Sellsy, Sellsy's scopes and quotas, the Aircall webhook and its events, clocks.\n\n\
                      It changes nothing. Exit code 0 if everything works or there are only warnings, otherwise 1.",
        after_help = "Examples:\n  callbridge check\n  callbridge check --json | jq '.findings[] | select(.state != \"ok\")'"
    )]
    Check {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Prints the completion script for a shell
    #[command(
        after_help = "Examples:\n  callbridge completions bash > ~/.local/share/bash-completion/completions/callbridge\n  \
                      callbridge completions zsh > \"${fpath[1]}/_callbridge\"\n  \
                      callbridge completions fish > ~/.config/fish/completions/callbridge.fish\n\nOpen a new shell to use it."
    )]
    Completions { shell: Shell },
    /// Dead letters: list what could not be handled, replay it, or drop it
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge dead list\n  callbridge dead replay --code SELLSY_FORBIDDEN\n\ndocs/errors.md says what to do about each code."
    )]
    Dead(dead::Dead),
    /// The phone directory: how complete and fresh it is, and synchronising it now
    #[command(subcommand, after_help = "Examples:\n  callbridge directory status\n  callbridge directory sync")]
    Directory(Directory),
    /// Explains where a call is logged and why: candidates in order, the rule that chose, the opportunity
    #[command(
        long_about = "Explains where a call was logged and why, or where a call from a number would be logged: candidates in order, the rule that chose, \
                      the opportunity.\n\nFor a number, Sellsy is asked for opportunities if those that are known are older than OPPORTUNITIES_FRESH, and for the caller if the number is not in the directory.",
        after_help = "Examples:\n  callbridge explain 3811600001\n  callbridge explain \"+33 6 39 98 41 07\"\n  callbridge explain 0639984107"
    )]
    Explain {
        /// Aircall's id of a call, or a phone number with + or a leading 0
        #[arg(allow_hyphen_values = true, value_parser = explain::asked)]
        caller: explain::Asked,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Erases what is stored about a person, after asking; lists what stays in Sellsy
    #[command(after_help = forget::EXAMPLES)]
    Forget(forget::Arguments),
    /// Lists conversations of text messages, and where they stand in Sellsy
    #[command(after_help = messages::EXAMPLES)]
    Messages(messages::Arguments),
    /// Creates and changes the tables that this version needs; for a role that may, if the workers' may not
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Arguments),
    /// Lists missed calls and what became of them: called back by whom after how long, or nobody yet
    #[command(after_help = missed::EXAMPLES)]
    Missed(missed::Arguments),
    /// Says which record a number means from now on, before the match rules
    #[command(after_help = pins::EXAMPLES)]
    Pin(pins::Arguments),
    /// Lists the numbers that are pinned to a record, by whom and since when
    #[command(after_help = "Examples:\n  callbridge pins\n  callbridge pins --json | jq '.[] | select(.is_gone)'")]
    Pins {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lists prospects that were created for unknown callers, and deletes one again
    #[command(after_help = prospects::EXAMPLES)]
    Prospects(prospects::Arguments),
    /// Says whether a worker is ready, and if not why; exit code 0 or 1: for container health checks
    #[command(after_help = ready::EXAMPLES)]
    Ready {
        /// The address to ask, plain http [default: /readyz on HTTP_LISTEN of this machine]
        #[arg(value_parser = ready::address)]
        url: Option<String>,
    },
    /// Figures of calls by day, hour, line, team, agent, company, opportunity or topic; as a table, CSV or JSON
    #[command(after_help = reports::EXAMPLES)]
    Report(reports::Arguments),
    /// Moves a call to another record, where it stays
    #[command(after_help = relink::EXAMPLES)]
    Relink(relink::Arguments),
    /// The file of rules (RULES): checking it, and trying it on past calls
    #[command(
        subcommand,
        after_help = "Examples:\n  callbridge rules check rules.toml\n  callbridge rules try --since 7d --rules rules.toml\n\ndocs/rules.md explains each rule, deploy/rules.example.toml shows it."
    )]
    Rules(rules::Command),
    /// The first run: asks for the keys, tries them, writes `.env`, makes the webhooks, starts the workers, shows the first call
    #[command(after_help = setup::EXAMPLES)]
    Setup(Box<setup::Arguments>),
    /// Lists the tokens of programs that use the console's JSON, makes one, or makes one worthless
    #[command(after_help = tokens::EXAMPLES)]
    Tokens(tokens::Arguments),
    /// Lets the match rules find the record of a number again
    #[command(after_help = "Examples:\n  callbridge unpin \"+33 6 39 98 41 07\"")]
    Unpin {
        /// The phone number, with + or as dialled in DEFAULT_REGION
        #[arg(allow_hyphen_values = true)]
        number: String,
    },
    /// Webhooks: whether Aircall delivers all events that are needed; making, repairing and deleting those of Aircall and Sellsy
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
    /// Shows records and numbers by kind, when they were read, and what went wrong; exit code 1 until all are loaded
    #[command(after_help = "Examples:\n  callbridge directory status\n  callbridge directory status --json")]
    Status {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Lists the fields that have digits and no number, for the people who correct them in Sellsy; digits are masked
    #[command(after_help = "Examples:\n  callbridge directory unread\n  callbridge directory unread --json")]
    Unread {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Makes a resolver read the changes in Sellsy now, and waits until it has
    #[command(after_help = "Examples:\n  callbridge directory sync\n  callbridge directory sync --everything\n  \
                      callbridge directory sync --everything --accept-fewer\n  callbridge directory sync --json | jq .kinds")]
    Sync {
        /// Read every record again, not only the changed ones; this also finds deleted records
        #[arg(long)]
        everything: bool,
        /// Remove what Sellsy no longer lists, even if that is most of the directory; for this one reading
        #[arg(long, requires = "everything")]
        accept_fewer: bool,
        /// Print JSON for programs, as `callbridge directory status --json` does
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    tls::install_provider();
    let result = Box::pin(run(Cli::parse().command)).await;
    out::end("callbridge", result.unwrap_or_else(|e| failed(&e)))
}

/// Says what went wrong, and returns the exit code.
fn failed(e: &anyhow::Error) -> ExitCode {
    if let Some(problems) = e.downcast_ref::<Problems>() {
        out::print_beside(problems.cannot_start("callbridge", ".env.example"));
        return ExitCode::from(2);
    }
    tell!("callbridge: {}", with_causes(e.as_ref()));
    if e.is::<Wrong>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

impl Command {
    /// What is written into the audit of it; `None` if it only looks.
    fn deed(&self) -> Option<Deed> {
        match self {
            Command::Backfill(arguments) => arguments.deed(),
            Command::Dead(command) => command.deed(),
            Command::Directory(Directory::Sync { everything, accept_fewer, .. }) => {
                let subject = serde_json::json!({ "everything": everything, "accept_fewer": accept_fewer });
                Some(Deed::of_account("directory_sync", subject))
            }
            Command::Forget(arguments) => arguments.deed(),
            Command::Pin(arguments) => Some(arguments.deed()),
            Command::Prospects(arguments) => arguments.deed(),
            Command::Relink(arguments) => Some(arguments.deed()),
            Command::Tokens(arguments) => arguments.deed(),
            Command::Unpin { number } => Some(pins::deed_of_unpinning(number)),
            Command::Webhook(command) => command.deed(),
            _ => None,
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let nothing = Needs::default();
    let aircall = Needs { aircall_api: true, ..nothing };
    let sellsy = Needs { sellsy_api: true, ..nothing };
    let deed = command.deed();
    match command {
        // These must work without a database and without complete settings.
        Command::Check { json } => check::run(json).await,
        Command::Completions { shell } => {
            print_completions(shell);
            Ok(ExitCode::SUCCESS)
        }
        Command::Ready { url } => ready::run(url).await,
        Command::Setup(arguments) => setup::run(*arguments).await,
        Command::Audit(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                audit::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Backfill(arguments) => {
            with_installation(deed, aircall, FEW_CONNECTIONS, async |i| {
                backfill::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Budget { json } => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                budget::run(&i.database, json).await.context("the budget could not be read")
            })
            .await
        }
        Command::Call { id, json } => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                call::run(&i.database, &i.settings, id, json).await
            })
            .await
        }
        Command::Calls(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                calls::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Console { routes: true } => {
            base::say!("{}", console::who_may_do_what());
            Ok(ExitCode::SUCCESS)
        }
        Command::Console { routes: false } => {
            let needs = Needs { console_password: true, ..nothing };
            with_installation(deed, needs, CONSOLE_CONNECTIONS, async |i| console::run(&i.database, &i.settings).await)
                .await
        }
        Command::Dead(command) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                dead::run(&i.database, &i.settings, command).await
            })
            .await
        }
        Command::Directory(Directory::Status { json }) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                directory::status(&i.database, json).await.context("the directory could not be read")
            })
            .await
        }
        Command::Directory(Directory::Unread { json }) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                directory::unread(&i.database, json).await.context("the directory could not be read")
            })
            .await
        }
        Command::Directory(Directory::Sync { everything, accept_fewer, json }) => {
            let turn = match (everything, accept_fewer) {
                (_, true) => Turn::EverythingEvenIfFewer,
                (true, false) => Turn::Everything,
                (false, false) => Turn::Changes,
            };
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                directory::sync(&i.database, turn, json).await.context("the directory could not be synchronised")
            })
            .await
        }
        Command::Explain { caller, json } => {
            let needs = Needs { sellsy_api: caller.is_number(), ..nothing };
            with_installation(deed, needs, FEW_CONNECTIONS, async |i| {
                explain::run(&i.database, &i.settings, &caller, json).await
            })
            .await
        }
        Command::Forget(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                forget::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Messages(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                messages::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Migrate(arguments) => migrate::run(&settings(nothing)?, &arguments).await,
        Command::Missed(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                missed::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Pin(arguments) => {
            with_installation(deed, sellsy, FEW_CONNECTIONS, async |i| {
                pins::pin(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Pins { json } => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| pins::list(&i.database, json).await).await
        }
        Command::Prospects(arguments) => {
            let needs = if arguments.needs_sellsy() { sellsy } else { nothing };
            with_installation(deed, needs, FEW_CONNECTIONS, async |i| {
                prospects::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Relink(arguments) => {
            with_installation(deed, sellsy, FEW_CONNECTIONS, async |i| {
                relink::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Report(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                reports::run(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Rules(rules::Command::Check(arguments)) => rules::check(&arguments),
        Command::Rules(rules::Command::Try(arguments)) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                rules::try_out(&i.database, &i.settings, &arguments).await
            })
            .await
        }
        Command::Tokens(arguments) => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| tokens::run(&i.database, &arguments).await)
                .await
        }
        Command::Unpin { number } => {
            with_installation(deed, nothing, FEW_CONNECTIONS, async |i| {
                pins::unpin(&i.database, &i.settings, &number).await
            })
            .await
        }
        Command::Webhook(command) => {
            let needs = if command.vendor() == base::ids::Vendor::Sellsy { sellsy } else { aircall };
            with_installation(deed, needs, FEW_CONNECTIONS, async |i| {
                webhook::run(&i.database, &i.settings, &command).await
            })
            .await
        }
    }
}

/// The file of settings in the folder where a command is run.
const ENV_FILE: &str = ".env";

/// The settings of the environment, and for what it does not set, those of the file beside which the command is run.
fn settings(needs: Needs) -> Result<Settings, Problems> {
    let file = EnvFile::read(Path::new(ENV_FILE), ENV_FILE);
    let file = file.map_err(|e| Problems::one(format!("{ENV_FILE} in this folder cannot be read: {e}")))?;
    Settings::from_environment(needs, &beside(&file))
}

/// What a file of settings sets. If it names no services, and `make run` has its own beside it, those are meant.
fn beside(file: &EnvFile) -> BTreeMap<String, String> {
    let mut values = file.values();
    let services = file.path().with_file_name(".services");
    let port = |name: &str| std::fs::read_to_string(services.join(name)).ok()?.trim().parse::<u16>().ok();
    let is_set = |name: &str| values.contains_key(name) || std::env::var_os(name).is_some();
    if !is_set("DATABASE_URL")
        && !is_set("AMQP_URL")
        && let (Some(database), Some(broker)) = (port("database.port"), port("broker.port"))
    {
        values.insert("DATABASE_URL".into(), format!("postgres://postgres@127.0.0.1:{database}/callbridge"));
        values.insert("AMQP_URL".into(), format!("amqp://guest:guest@127.0.0.1:{broker}/%2f"));
    }
    values
}

/// What most commands need.
struct Installation {
    settings: Settings,
    database: Database,
}

/// Reads the settings, connects to the database, and runs the command. Exit code 2 if the settings are wrong.
async fn with_installation(
    deed: Option<Deed>,
    needs: Needs,
    connections: usize,
    command: impl AsyncFnOnce(Installation) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let settings = settings(needs)?;
    tls::check()?;
    let readiness = Readiness::default();
    let condition = readiness.condition("database");
    let database =
        Database::start(&settings.database_url, connections, Plans::Usual, condition, CancellationToken::new())?;
    if tokio::time::timeout(CONNECT_TIMEOUT, database.available()).await.is_err() {
        let reasons: Vec<String> = readiness.missing().into_iter().map(|(_, reason)| reason).collect();
        anyhow::bail!("{}; check DATABASE_URL", reasons.join("; "));
    }
    let done = Box::pin(command(Installation { settings, database: database.clone() }));
    match deed {
        None => done.await,
        Some(deed) => audit::command(&database, &deed, done).await,
    }
}

fn print_completions(shell: Shell) {
    use clap_complete::Shell as Known;
    let shell = match shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    // Into memory: it panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "callbridge", &mut script);
    out::print(String::from_utf8_lossy(&script));
}

/// A point in time for people, with the name of the time zone.
fn at(zone: &TimeZone, at: Timestamp) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Q").to_string()
}

fn zone_name(zone: &TimeZone) -> String {
    Timestamp::UNIX_EPOCH.to_zoned(zone.clone()).strftime("%Q").to_string()
}

/// How long ago, for people.
fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", long_before(now, at))
}

/// How long before, for people. Of two clocks, one may be behind.
fn long_before(then: Timestamp, at: Timestamp) -> String {
    minutes_long((then.duration_since(at).as_secs() / 60).max(0))
}

/// How long, for people.
fn long(seconds: i64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { minutes_long(seconds / 60) }
}

fn minutes_long(minutes: i64) -> String {
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

/// A table as wide as the terminal, with colours only where they are wanted.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !colours(&std::io::stdout()) {
        table.force_no_tty();
    }
    table.set_header(header);
    table
}

#[cfg(test)]
mod tests;
