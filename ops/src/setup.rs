//! `callbridge setup`: the guided first run, from the keys to the first call that stands in Sellsy.
//!
//! It asks for what it does not find in its flags, in the environment or in `.env`, tries each answer at once, proposes settings from what
//! the accounts say, and makes the webhooks. Run again, it leaves alone what is right, and says so. Without a terminal nothing is asked: an
//! answer that is missing is an error that names its flag and its variable.

mod account;
mod first_call;
mod keys;
mod stack;
mod way_in;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use base::{
    db::{Database, Plans},
    error::Code,
    health::Readiness,
    ids::Vendor,
    settings::{Needs, Problems, Settings},
    tell, tls,
};
use clap::{Args, ValueEnum};
use ingest::{tokens::Tokens, webhooks};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use vendors::{aircall::wire::Webhook, sellsy::Sellsy};

use crate::{
    CONNECT_TIMEOUT, FEW_CONNECTIONS,
    arguments::{SELLSY_PATH, WEBHOOK_PATH},
    ask::{Asker, Source},
    audit::{self, Deed},
    check::Scope,
    env_file::EnvFile,
    webhook,
};
use account::Account;
use way_in::Tunnel;

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge setup\n  callbridge setup --url https://calls.example.com --yes\n  \
     callbridge setup --url https://calls.example.com --sellsy-webhook no --start none --env-file /etc/callbridge/callbridge.env\n  \
     callbridge setup --follow\n\n\
     The keys can be given in the environment: AIRCALL_API_ID, AIRCALL_API_TOKEN, SELLSY_CLIENT_ID, SELLSY_CLIENT_SECRET, also as ..._FILE. \
     Without a terminal nothing is asked.";

const URL: Source = Source::new("--url", "SETUP_URL");
/// Written into the file if they come from the environment: those who run the workers may not have it.
const WRITTEN: [&str; 7] = [
    "AIRCALL_API_ID",
    "AIRCALL_API_TOKEN",
    "SELLSY_CLIENT_ID",
    "SELLSY_CLIENT_SECRET",
    "AIRCALL_API_URL",
    "SELLSY_API_URL",
    "SELLSY_AUTH_URL",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    Yes,
    No,
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// The file of settings, made or completed
    #[arg(long, env = "SETUP_ENV_FILE", default_value = ".env")]
    env_file: PathBuf,
    /// Aircall's API id
    #[arg(long)]
    aircall_api_id: Option<String>,
    /// Aircall's API token; who can list processes sees it here, but not in the variable AIRCALL_API_TOKEN
    #[arg(long)]
    aircall_api_token: Option<String>,
    /// Client id of the API client in Sellsy
    #[arg(long)]
    sellsy_client_id: Option<String>,
    /// Its secret; who can list processes sees it here, but not in the variable SELLSY_CLIENT_SECRET
    #[arg(long)]
    sellsy_client_secret: Option<String>,
    /// Where Aircall and Sellsy reach ingest: https://your-host
    #[arg(long, env = "SETUP_URL", value_parser = way_in::host)]
    url: Option<String>,
    /// Open a tunnel instead, for a trial; it lasts as long as this command
    #[arg(long, env = "SETUP_TUNNEL", conflicts_with = "url")]
    tunnel: Option<Tunnel>,
    /// Make Sellsy's webhook too, so that changed records are known at once
    #[arg(long, env = "SETUP_SELLSY_WEBHOOK")]
    sellsy_webhook: Option<Choice>,
    /// The command that starts the workers; none: they are started by hand
    #[arg(long, env = "SETUP_START")]
    start: Option<String>,
    /// For how long to wait for the first call; 0s: not at all [default: 10m at a terminal, otherwise 0s]
    #[arg(long, env = "SETUP_WAIT_FOR_CALL")]
    wait_for_call: Option<jiff::SignedDuration>,
    /// Take what is proposed, without asking
    #[arg(long)]
    yes: bool,
    /// Only wait for the workers and show the first call, after everything else
    #[arg(long)]
    follow: bool,
}

/// What is known so far.
struct Setup {
    asker: Asker,
    file: EnvFile,
    /// Flags and answers, by the names of settings.
    answers: BTreeMap<String, String>,
    database: Database,
}

impl Setup {
    fn settings(&self) -> Result<Settings, Problems> {
        Settings::with(Needs::default(), &self.answers, &crate::beside(&self.file))
    }

    fn answer(&mut self, name: &str, value: String) {
        self.answers.insert(name.to_owned(), value);
    }

    /// Whether somebody has chosen a value.
    fn is_chosen(&self, name: &str) -> bool {
        let of_file = self.file.values().get(name).is_some_and(|value| !value.is_empty());
        self.answers.contains_key(name)
            || of_file
            || is_in_environment(name)
            || is_in_environment(&format!("{name}_FILE"))
    }

    fn folder(&self) -> &Path {
        folder_of(self.file.path())
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn is_in_environment(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let file = EnvFile::read(&arguments.env_file, ".env.example")
        .with_context(|| format!("{} cannot be read", arguments.env_file.display()))?;
    let given = [
        ("AIRCALL_API_ID", &arguments.aircall_api_id),
        ("AIRCALL_API_TOKEN", &arguments.aircall_api_token),
        ("SELLSY_CLIENT_ID", &arguments.sellsy_client_id),
        ("SELLSY_CLIENT_SECRET", &arguments.sellsy_client_secret),
    ];
    let answers = given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
    let settings = Settings::with(Needs::default(), &answers, &crate::beside(&file))?;
    let database = connect(&settings).await?;
    let setup = Setup { asker: Asker::new(arguments.yes), file, answers, database: database.clone() };
    if arguments.follow {
        return follow(&setup, &arguments, None).await;
    }
    let deed = Deed::of_account("setup", serde_json::json!({}));
    audit::command(&database, &deed, Box::pin(guided(setup, &arguments))).await
}

/// The budget of requests and the tokens of webhooks are there, so nothing can be tried without it.
async fn connect(settings: &Settings) -> anyhow::Result<Database> {
    tls::check()?;
    let readiness = Readiness::default();
    let (url, condition) = (&settings.database_url, readiness.condition("database"));
    let database = Database::start(url, FEW_CONNECTIONS, Plans::Usual, condition, CancellationToken::new())?;
    if tokio::time::timeout(CONNECT_TIMEOUT, database.available()).await.is_err() {
        let reasons: Vec<String> = readiness.missing().into_iter().map(|(_, reason)| reason).collect();
        anyhow::bail!(
            "{}; setup needs the database. scripts/setup.sh brings one; with your own, set DATABASE_URL and AMQP_URL, in the environment or in .env",
            reasons.join("; ")
        );
    }
    Ok(database)
}

async fn guided(mut setup: Setup, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let began = setup.database.client().await?.now().await?;
    let (aircall, known) = keys::aircall(&mut setup).await?;
    let lines = aircall.numbers().await.context("Aircall could not be asked for its lines")?;
    let sellsy = keys::sellsy(&mut setup).await?;
    let account = read(lines, &sellsy).await?;
    settle(&mut setup, &account)?;
    let (host, tunnel) = way_in(&setup, arguments, &known).await?;
    let changed = write(&mut setup)?;
    let started = start(&mut setup, arguments, changed).await?;
    install(&setup, arguments, &sellsy, &host).await?;
    if let Some(started) = started {
        stack::until_ready(&setup.database, started).await?;
        match way_in::answers(&host).await {
            Ok(()) => tell!("  Ingest answers at {host}."),
            Err(why) => tell!("  {why}. Until that is put right, no webhook arrives."),
        }
        finish(&setup, arguments, began).await?;
    } else {
        tell!("\nStart the workers; then `callbridge setup --follow` waits for them and shows the first call.");
    }
    if let Some(tunnel) = tunnel {
        if setup.asker.can_ask() {
            tell!("\nThe tunnel {} is open until Ctrl-C.", tunnel.address);
            tokio::signal::ctrl_c().await?;
        }
        tell!("The tunnel is closed. callbridge webhook remove --url {host}{WEBHOOK_PATH} deletes its webhook.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(lines: Vec<vendors::aircall::wire::Number>, sellsy: &Sellsy) -> anyhow::Result<Account> {
    let account = Account {
        lines,
        staffs: sellsy.staffs().await.context("Sellsy could not be asked for its staff")?,
        topics: allowed(sellsy.topics().await).context("Sellsy could not be asked for its topics")?,
        limits: allowed(sellsy.limits().await).context("Sellsy could not be asked for its quotas")?,
    };
    tell!("\nYour accounts:");
    for line in account.described() {
        tell!("  {line}");
    }
    if account.lines.is_empty() {
        tell!("  Without a line in Aircall no call comes in. Add one there; nothing here has to be changed then.");
    }
    Ok(account)
}

/// `None` if the client lacks the scope for it.
fn allowed<T>(answer: base::error::Result<T>) -> base::error::Result<Option<T>> {
    match answer {
        Err(e) if e.code == Code::SellsyForbidden => Ok(None),
        answer => answer.map(Some),
    }
}

/// Takes the proposals for what nobody has chosen yet.
fn settle(setup: &mut Setup, account: &Account) -> anyhow::Result<()> {
    tell!("\nSettings:");
    let (open, left): (Vec<_>, Vec<_>) =
        account::propose(account).into_iter().partition(|proposal| !setup.is_chosen(proposal.name));
    for proposal in open {
        let flag = Source::new("--yes", proposal.name);
        let what = format!("  {} ({})", proposal.name, proposal.because);
        let value = setup.asker.text(&what, flag, Some(&proposal.value))?;
        tell!("  {}={value}: {}.", proposal.name, proposal.because);
        setup.answer(proposal.name, value);
    }
    if !setup.is_chosen("SELLSY_DEFAULT_OWNER_ID") {
        let nobody = ("nobody: such a call waits as a dead letter".to_owned(), None);
        let staff = account.active().into_iter().map(|staff| {
            let name = [&staff.firstname, &staff.lastname].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
            (name, Some(staff.id))
        });
        let choices: Vec<_> = std::iter::once(nobody).chain(staff).collect();
        let question = "Who owns a log when neither the agent nor the record's owner is known in Sellsy?";
        if let Some(Some(id)) = setup.asker.choose(question, &choices)? {
            setup.answer("SELLSY_DEFAULT_OWNER_ID", id.to_string());
        }
    }
    if !setup.is_chosen("CONSOLE_PASSWORD") {
        setup.answer("CONSOLE_PASSWORD", Uuid::new_v4().simple().to_string());
        tell!("  CONSOLE_PASSWORD is made up; it stands in {}.", setup.file.path().display());
    }
    for proposal in left {
        tell!("  {} is set already and left as it is.", proposal.name);
    }
    setup.settings()?;
    Ok(())
}

/// Where the vendors reach ingest.
async fn way_in(
    setup: &Setup,
    arguments: &Arguments,
    known: &[Webhook],
) -> anyhow::Result<(String, Option<way_in::Open>)> {
    tell!("\nThe way in:");
    let settings = setup.settings()?;
    let port = settings.http_listen.port();
    if let Some(host) = &arguments.url {
        return Ok((host.clone(), None));
    }
    if let Some(tunnel) = arguments.tunnel {
        return opened(tunnel, port).await;
    }
    // Of a webhook that we have made before.
    let tokens = Tokens::set_for_aircall(&settings.aircall);
    let tokens = tokens.with_noted(&setup.database.client().await?, Vendor::Aircall).await?;
    let ours = known.iter().find(|webhook| webhook.active && webhooks::has_token(webhook, &tokens));
    if let Some(host) = ours.and_then(|webhook| webhook.url.as_ref()?.strip_suffix(WEBHOOK_PATH)) {
        tell!("  Aircall delivers to {host} already; that is left as it is.");
        return Ok((host.to_owned(), None));
    }
    let installed = Tunnel::ALL.into_iter().filter(|tunnel| tunnel.is_installed());
    let own = ("a host name of your own, with a proxy that terminates TLS".to_owned(), None);
    let tunnels = installed.map(|tunnel| (format!("a tunnel of {}, for a trial", tunnel.program()), Some(tunnel)));
    let choices: Vec<_> = std::iter::once(own).chain(tunnels).collect();
    if choices.len() > 1
        && let Some(Some(tunnel)) = setup.asker.choose("How do Aircall and Sellsy reach this machine?", &choices)?
    {
        return opened(*tunnel, port).await;
    }
    loop {
        let typed = setup.asker.text("Address of your host, https://...", URL, None)?;
        match way_in::host(&typed) {
            Ok(host) => {
                way_in::explain_proxies(&host, port);
                return Ok((host, None));
            }
            Err(wrong) => tell!("  {wrong}."),
        }
    }
}

async fn opened(tunnel: Tunnel, port: u16) -> anyhow::Result<(String, Option<way_in::Open>)> {
    let open = way_in::open(tunnel, port).await?;
    tell!("  {} has opened {}.", tunnel.program(), open.address);
    Ok((open.address.clone(), Some(open)))
}

/// Writes what was given and answered. Returns whether that changed anything.
fn write(setup: &mut Setup) -> anyhow::Result<bool> {
    let given = WRITTEN.iter().filter(|name| !setup.answers.contains_key(**name));
    let given: Vec<_> = given.filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    let answers = setup.answers.clone();
    for (name, value) in given.into_iter().chain(answers).filter(|(_, value)| !value.is_empty()) {
        setup.file.set(&name, &value);
    }
    let path = setup.file.path().display().to_string();
    let written = setup.file.save().with_context(|| format!("{path} cannot be written"))?;
    if written {
        tell!("\n{path} is written; only its owner can read it.");
    } else {
        tell!("\n{path} says all of this already; it is left as it is.");
    }
    Ok(written)
}

async fn install(setup: &Setup, arguments: &Arguments, sellsy: &Sellsy, host: &str) -> anyhow::Result<()> {
    let settings = setup.settings()?;
    tell!("\nAircall's webhook:");
    for line in webhook::install(&setup.database, &settings, &format!("{host}{WEBHOOK_PATH}")).await? {
        tell!("  {line}");
    }
    tell!("Sellsy's webhook:");
    let question = "  Shall Sellsy report changed records at once, by a webhook?";
    let wanted = match arguments.sellsy_webhook {
        Some(choice) => choice == Choice::Yes,
        None => setup.asker.can_ask() && setup.asker.yes(question, true)?,
    };
    if !wanted {
        let every = settings.directory_sync_every.as_secs();
        tell!("  None is made (--sellsy-webhook yes makes it): changes are read every {every} s.");
        return Ok(());
    }
    let missing = keys::missing(sellsy, &Scope::FOR_WEBHOOKS).await?;
    if !missing.is_empty() {
        let missing: Vec<_> = missing.iter().map(|scope| scope.as_str()).collect();
        tell!("  None is made: the API client lacks {}. Changes are read regularly.", missing.join(" and "));
        return Ok(());
    }
    for line in webhook::install_for_sellsy(&setup.database, &settings, &format!("{host}{SELLSY_PATH}")).await? {
        tell!("  {line}");
    }
    Ok(())
}

/// `None` if the workers are not started here.
async fn start(
    setup: &mut Setup,
    arguments: &Arguments,
    changed: bool,
) -> anyhow::Result<Option<Option<stack::Started>>> {
    let runs = stack::runs(&setup.database.client().await?).await?;
    let usual = stack::usual_command(setup.folder());
    let command = match arguments.start.as_deref().map(str::trim) {
        Some("none") => None,
        Some(command) => Some(command.to_owned()),
        None => usual
            .filter(|usual| setup.asker.yes(&format!("Start the workers: {usual}?"), true).unwrap_or(false))
            .map(Into::into),
    };
    tell!("\nThe workers:");
    match command {
        // What Compose is asked for again changes nothing, unless the settings have changed.
        Some(command) if !runs || command.starts_with("docker compose") => {
            tell!("  {command}");
            Ok(Some(Some(stack::start(&command, setup.folder())?)))
        }
        _ if runs => {
            if changed {
                tell!("  They run, with the settings from before: restart them.");
            } else {
                tell!("  They run already.");
            }
            Ok(Some(None))
        }
        _ => Ok(None),
    }
}

/// For a setup whose workers were started by hand.
async fn follow(setup: &Setup, arguments: &Arguments, since: Option<Timestamp>) -> anyhow::Result<ExitCode> {
    let now = setup.database.client().await?.now().await?;
    stack::until_ready(&setup.database, None).await?;
    let shown = finish(setup, arguments, since.unwrap_or(now)).await?;
    Ok(if shown { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// False if a call was waited for, and none was logged.
async fn finish(setup: &Setup, arguments: &Arguments, since: Timestamp) -> anyhow::Result<bool> {
    let settings = setup.settings()?;
    tell!("\nThe phone directory:");
    let records = stack::until_loaded(&setup.database).await?;
    tell!("  It is loaded: {records} records.");
    let usual = if setup.asker.can_ask() { Duration::from_secs(600) } else { Duration::ZERO };
    let patience = match arguments.wait_for_call {
        Some(patience) => Duration::try_from(patience).unwrap_or_default(),
        None => usual,
    };
    if patience.is_zero() {
        tell!("\nAll is ready: the next call is logged.");
        return Ok(true);
    }
    tell!(
        "\nCall your own line now, from a number that a record in Sellsy has. Ctrl-C ends the waiting, and nothing else."
    );
    let shown = first_call::show(&setup.database, &settings, since, patience).await?;
    if !shown {
        tell!(
            "  No call was logged within {} s. `callbridge check` says whether something is missing.",
            patience.as_secs()
        );
    }
    Ok(shown)
}
