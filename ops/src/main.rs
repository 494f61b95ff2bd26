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
mod ask;
mod audit;
mod backfill;
mod budget;
mod call;
mod calls;
mod check;
mod cli;
mod console;
mod contracts;
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
mod prove;
mod ready;
mod relink;
mod reports;
mod rules;
mod search;
mod setup;
mod tokens;
mod webhook;
mod who;

use std::{collections::BTreeMap, io::ErrorKind, path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use arguments::Wrong;
use audit::Deed;
use base::{
    db::{Database, Plans},
    error::with_causes,
    health::Readiness,
    out,
    settings::{Needs, Problems, Settings},
    telemetry::colours,
    tell, tls,
};
use clap::{CommandFactory, Parser};
use cli::{Cli, Command, Directory, Shell};
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
        Command::Manual { to } => {
            clap_mangen::generate_to(Cli::command(), &to).with_context(|| format!("{}", to.display()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Contract(arguments) => {
            contracts::run(&arguments)?;
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
        Command::Prove(arguments) => {
            let needs = Needs { aircall_api: true, sellsy_api: true, ..nothing };
            with_installation(deed, needs, FEW_CONNECTIONS, async |i| {
                prove::run(&i.database, &i.settings, &arguments).await
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

/// The file of settings in the folder where a command is run, and where the package for Debian has it.
const ENV_FILE: &str = ".env";
const INSTALLED_ENV_FILE: &str = "/etc/callbridge/callbridge.env";

/// The settings of the environment, and for what it does not set, those of a file: of the one that the package for Debian has, if it is there, so
/// that a file of another program in this folder is never taken for it; otherwise of the one in this folder.
fn settings(needs: Needs) -> Result<Settings, Problems> {
    let is_installed = Path::new(INSTALLED_ENV_FILE).exists();
    let path = if is_installed { INSTALLED_ENV_FILE } else { ENV_FILE };
    match EnvFile::read(Path::new(path), path) {
        Ok(file) => Settings::from_environment(needs, &beside(&file)),
        // A service has all of it in its environment. It holds keys, and is root's.
        Err(e) if e.kind() == ErrorKind::PermissionDenied && std::env::var_os("DATABASE_URL").is_some() => {
            Settings::from_environment(needs, &BTreeMap::new())
        }
        Err(e) => {
            let hint = if e.kind() == ErrorKind::PermissionDenied { "; sudo helps" } else { "" };
            Err(Problems::one(format!("{path} cannot be read: {e}{hint}")))
        }
    }
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
