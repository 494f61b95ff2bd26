//! The guided first run, against the sandbox's accounts: by flags and variables, at a terminal, a second time, with each mistake; and from
//! nothing to a call that is logged, with the workers that it starts itself.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use harness::{Process, Stack, build::call, eventually, program, workspace};
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::SOON;

const KEYS: [&str; 4] = ["AIRCALL_API_ID", "AIRCALL_API_TOKEN", "SELLSY_CLIENT_ID", "SELLSY_CLIENT_SECRET"];
const CALLER: &str = "+33 6 39 98 41 07";
const SCOPES: [&str; 8] = [
    "companies.read",
    "contacts.read",
    "individuals.read",
    "opportunities.read",
    "phonecalls.read",
    "search.read",
    "staffs.read",
    "phonecalls.write",
];

/// An installation whose workers have no token of a webhook, and a folder for its file of settings.
async fn installation(what: &str) -> Result<(Stack, PathBuf)> {
    let mut stack = Stack::new(what).await?;
    stack.environment.remove("AIRCALL_WEBHOOK_TOKENS");
    let folder = stack.logs.join("home");
    std::fs::create_dir_all(&folder)?;
    Ok((stack, folder))
}

/// Output and exit code of a setup without a terminal.
async fn set_up(stack: &Stack, folder: &Path, changes: &[(&str, &str)], arguments: &[&str]) -> Result<(String, i32)> {
    let mut environment: BTreeMap<String, String> = stack.environment.clone();
    for (name, value) in changes {
        environment.insert((*name).into(), (*value).into());
    }
    let file = folder.join(".env");
    let file = file.to_str().context("a path")?;
    let all: Vec<&str> = ["setup", "--env-file", file].into_iter().chain(arguments.iter().copied()).collect();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let log = format!("setup-{}", RUNS.fetch_add(1, Ordering::Relaxed));
    let mut process = stack.spawn("callbridge", &all, &environment, &log).await?;
    let ended = process.wait(Duration::from_secs(90)).await?;
    Ok((process.output(), ended.code().unwrap_or(-1)))
}

async fn others(stack: &mut Stack) -> Result<Vec<Process>> {
    let workers = vec![stack.start("resolver").await?, stack.start("logger").await?, stack.start("insights").await?];
    for worker in &workers {
        worker.until_ready(SOON).await?;
    }
    Ok(workers)
}

#[tokio::test]
async fn by_variables_it_asks_nothing_and_a_second_run_changes_nothing() -> Result<()> {
    let (mut stack, folder) = installation("setup_flags").await?;
    let ingest = stack.start("ingest").await?;
    let workers = others(&mut stack).await?;
    let file = folder.join(".env");
    std::fs::write(&file, "# Kept.\nODD LINE\nLOG_LANGUAGE=en\n")?;
    let arguments = ["--url", &ingest.url, "--sellsy-webhook", "yes", "--start", "none"];
    let (said, code) = set_up(&stack, &folder, &[], &arguments).await?;
    assert_eq!(code, 0, "{said}");
    for expected in [
        "Accueil Paris (+33 1 99 00 10 01)",
        "DEFAULT_REGION=FR,GB",
        "TIME_ZONE=Europe/Paris",
        "LOG_LANGUAGE is set already",
        "Created, for 17 events.",
        "They run, with the settings from before: restart them.",
        "It is loaded",
        "Ingest answers at",
    ] {
        assert!(said.contains(expected), "{expected:?} in {said}");
    }
    for secret in ["sandbox-aircall-token", "sandbox-sellsy-secret"] {
        assert!(!said.contains(secret), "{said}");
    }
    let text = std::fs::read_to_string(&file)?;
    assert!(text.starts_with("# Kept.\nODD LINE\nLOG_LANGUAGE=en\n"), "{text}");
    for line in
        ["AIRCALL_API_ID=sandbox-aircall-id", "SELLSY_CLIENT_SECRET=sandbox-sellsy-secret", "DEFAULT_REGION=FR,GB"]
    {
        assert!(text.lines().any(|is| is == line), "{line} in {text}");
    }
    assert_eq!(std::fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);

    // The first webhook is accepted, without a restart.
    let id = stack.sandbox.play(&call(CALLER)).await?;
    stack.sandbox.logged(id, SOON).await?;

    let writes = || async {
        let mut all = Vec::new();
        for (api, what) in [
            ("aircall", "POST /v1/webhooks"),
            ("aircall", "PUT /v1/webhooks/{id}"),
            // A PUT of one that does not exist shows whether the client may make one.
            ("sellsy", "POST /webhooks"),
        ] {
            all.push(stack.sandbox.count(api, what).await?);
        }
        anyhow::Ok(all)
    };
    let before = (std::fs::metadata(&file)?.modified()?, writes().await?);
    let (said, code) = set_up(&stack, &folder, &[], &["--sellsy-webhook", "yes", "--start", "none"]).await?;
    assert_eq!(code, 0, "{said}");
    for expected in ["They run already.", "says all of this already", "already; that is left as it is", "nothing to do"]
    {
        assert!(said.contains(expected), "{expected:?} in {said}");
    }
    assert_eq!((std::fs::metadata(&file)?.modified()?, writes().await?), before, "{said}");

    // Its keys stand in the file now, and the command reads it where it stands.
    let mut environment = stack.environment.clone();
    KEYS.iter().for_each(|name| drop(environment.remove(*name)));
    let mut status = Command::new(program("callbridge").await?);
    status.args(["webhook", "status"]).current_dir(&folder).env_clear().envs(&environment);
    let output = status.output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    drop((ingest, workers));
    stack.down().await
}

#[tokio::test]
async fn each_mistake_is_named_with_what_helps() -> Result<()> {
    let (stack, folder) = installation("setup_wrong").await?;
    let arguments = ["--url", "https://calls.example.com", "--start", "none"];
    for (changes, expected) in [
        (
            ("AIRCALL_API_TOKEN", ""),
            (2, vec!["Aircall API token is missing", "--aircall-api-token", "AIRCALL_API_TOKEN"]),
        ),
        (("AIRCALL_API_TOKEN", "sesame"), (1, vec!["Aircall refuses this API id and token", "--aircall-api-token"])),
        (("SELLSY_CLIENT_ID", ""), (2, vec!["Sellsy client id is missing", "--sellsy-client-id", "SELLSY_CLIENT_ID"])),
        (("SELLSY_CLIENT_SECRET", "sesame"), (1, vec!["Sellsy refuses this client id and secret"])),
    ] {
        let (said, code) = set_up(&stack, &folder, &[changes], &arguments).await?;
        assert_eq!(code, expected.0, "{changes:?}: {said}");
        for text in expected.1 {
            assert!(said.contains(text), "{changes:?}: {text:?} in {said}");
        }
        assert!(!said.contains("sesame") && !folder.join(".env").exists(), "{said}");
    }
    let (said, code) = set_up(&stack, &folder, &[], &["--start", "none"]).await?;
    assert!(code == 2 && said.contains("--url") && said.contains("SETUP_URL"), "{said}");

    // The client in Sellsy may do less than it must.
    let less = json!({ "scopes": SCOPES[..7] });
    stack.sandbox.control(Method::PUT, "/sellsy/scopes", Some(&less)).await?;
    let (said, code) = set_up(&stack, &folder, &[], &arguments).await?;
    assert!(code == 1 && said.contains("lacks these scopes: phonecalls.write"), "{said}");
    // What is only useful may be missing.
    stack.sandbox.control(Method::PUT, "/sellsy/scopes", Some(&json!({ "scopes": SCOPES }))).await?;
    let (said, code) = set_up(&stack, &folder, &[], &[&arguments[..], &["--sellsy-webhook", "yes"]].concat()).await?;
    assert!(code == 0 && said.contains("lacks webhooks.read and webhooks.write"), "{said}");
    assert!(said.contains("cannot be read (scope accounts.read)"), "{said}");

    // The key is accepted, but Aircall lets it do nothing with webhooks.
    let fault = harness::build::aircall("GET /v1/webhooks").answers_with(403, json!({ "message": "Forbidden" }));
    stack.sandbox.set_faults([fault]).await?;
    let (said, code) = set_up(&stack, &folder, &[], &arguments).await?;
    assert!(code == 1 && said.contains("it may not manage webhooks"), "{said}");
    stack.down().await
}

/// A program at a pseudo terminal, by util-linux's `script`.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    fn run(command: &str, folder: &Path, environment: &BTreeMap<String, String>) -> Result<Self> {
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-f", "-c", command, "/dev/null"]).current_dir(folder).env_clear().envs(environment);
        script.env("TERM", "xterm").env("PATH", std::env::var_os("PATH").context("PATH")?);
        let mut child =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("script")?;
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut out, to) = (child.stdout.take().context("its output")?, shown.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut bytes) {
                to.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Ok(Self { child, shown })
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a text after what has been waited for before.
    async fn says(&self, after: &mut usize, text: &str) -> Result<()> {
        let from = *after;
        let at = || async { self.shown().get(from..)?.find(text) };
        let at = eventually(2 * SOON, at).await.with_context(|| format!("{text:?} is not shown: {}", self.shown()))?;
        *after = from + at + text.len();
        Ok(())
    }

    fn types(&mut self, text: &str) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("its input")?;
        stdin.write_all(text.as_bytes())?;
        stdin.write_all(b"\r")?;
        Ok(stdin.flush()?)
    }
}

#[tokio::test]
async fn at_a_terminal_it_asks_and_ends_with_the_first_logged_call() -> Result<()> {
    let (mut stack, folder) = installation("setup_pty").await?;
    let ingest = stack.start("ingest").await?;
    let workers = others(&mut stack).await?;
    let mut environment = stack.environment.clone();
    KEYS.iter().for_each(|name| drop(environment.remove(*name)));
    let command = format!("{} setup", program("callbridge").await?.display());
    let mut terminal = Terminal::run(&command, &folder, &environment)?;
    let mut at = 0;
    for (asks, answer) in [
        ("Aircall API id", "sandbox-aircall-id"),
        ("Aircall API token", "a wrong one"),
        ("Aircall refuses this API id and token", ""),
    ] {
        terminal.says(&mut at, asks).await?;
        if !answer.is_empty() {
            terminal.types(answer)?;
        }
    }
    for (asks, answer) in [
        ("Aircall API id", "sandbox-aircall-id"),
        ("Aircall API token", "sandbox-aircall-token"),
        ("phonecalls.write", ""),
        ("Sellsy client id", "sandbox-sellsy-client"),
        ("Sellsy client secret", "sandbox-sellsy-secret"),
    ] {
        terminal.says(&mut at, asks).await?;
        if !answer.is_empty() {
            terminal.types(answer)?;
        }
    }
    for asks in ["DEFAULT_REGION", "LOG_LANGUAGE", "TIME_ZONE", "Who owns a log"] {
        terminal.says(&mut at, asks).await?;
        terminal.types("")?;
    }
    terminal.says(&mut at, "Address of your host").await?;
    terminal.types("calls.example.com")?;
    terminal.says(&mut at, "it must be https://").await?;
    terminal.says(&mut at, "Address of your host").await?;
    terminal.types(&ingest.url)?;
    terminal.says(&mut at, "Shall Sellsy report").await?;
    terminal.types("y")?;
    terminal.says(&mut at, "Call your own line now").await?;
    assert!(!terminal.shown().contains("sandbox-sellsy-secret"), "a key is shown: {}", terminal.shown());
    let id = stack.sandbox.play(&call(CALLER)).await?;
    terminal.says(&mut at, &format!("Call {id}:")).await?;
    terminal.says(&mut at, "It is logged in Sellsy:").await?;
    terminal.says(&mut at, "https://").await?;
    let ended = || async { terminal.shown().contains("in Aircall: ").then_some(()) };
    eventually(SOON, ended).await.context("it ends")?;
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    let text = std::fs::read_to_string(folder.join(".env"))?;
    assert!(
        text.contains("SELLSY_CLIENT_SECRET=sandbox-sellsy-secret") && text.contains("CONSOLE_PASSWORD="),
        "{text}"
    );
    drop((terminal, ingest, workers));
    stack.down().await
}

/// Ports for the workers, one after the other.
fn free_ports() -> Result<u16> {
    for first in (21_000..31_000).step_by(10).skip(std::process::id() as usize % 900) {
        if (first..first + 5).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(first);
        }
    }
    anyhow::bail!("no free ports")
}

/// The whole way of a new user: nothing but the built programs, a broker, a database and two accounts.
#[tokio::test]
async fn from_nothing_to_a_logged_call() -> Result<()> {
    let (mut stack, folder) = installation("setup_nothing").await?;
    let port = free_ports()?;
    let binaries = program("callbridge").await?;
    let programs = binaries.parent().and_then(Path::to_str).context("the folder of what was built")?.to_owned();
    for (name, value) in [
        ("HTTP_LISTEN", format!("127.0.0.1:{port}")),
        ("PROGRAMS", programs),
        ("ENV_FILE", folder.join(".env").to_str().context("a path")?.to_owned()),
        ("PATH", std::env::var("PATH")?),
    ] {
        stack.environment.insert(name.into(), value);
    }
    let start = workspace().join("scripts/run.sh");
    let url = format!("http://127.0.0.1:{port}");
    let began = Instant::now();
    let arguments = [
        "--url",
        url.as_str(),
        "--sellsy-webhook",
        "yes",
        "--start",
        start.to_str().context("a path")?,
        "--wait-for-call",
        "60s",
    ];
    let caller = async {
        // As soon as somebody would be told to call.
        let ready = || async { (stack.sandbox.count("sellsy", "POST /webhooks").await.ok()? > 0).then_some(()) };
        eventually(Duration::from_secs(90), ready).await.context("Sellsy's webhook")?;
        stack.directory_loaded(Duration::from_secs(60)).await?;
        stack.sandbox.play(&call(CALLER).paced(20)).await
    };
    let (ended, id) = tokio::join!(set_up(&stack, &folder, &[], &arguments), caller);
    let took = began.elapsed();
    let workers = pids_of(&folder);
    let end = || {
        for pid in &workers {
            let _ = Command::new("kill").args(["-TERM", pid]).status();
        }
    };
    let (said, code) = match ended {
        Ok(ended) => ended,
        Err(e) => {
            end();
            return Err(e);
        }
    };
    end();
    ensure!(code == 0, "{said}\n{}", std::fs::read_to_string(folder.join(".setup.log")).unwrap_or_default());
    let id = id?;
    assert!(said.contains(&format!("Call {id}:")) && said.contains("It is logged in Sellsy:"), "{said}");
    assert!(took < Duration::from_secs(120), "two minutes of waiting are enough: {took:?}");
    println!("from nothing to a logged call: {took:.1?}");
    assert_eq!(stack.sandbox.logs_of(id).await?.len(), 1);
    let gone = || async { std::net::TcpListener::bind(("127.0.0.1", port)).is_ok().then_some(()) };
    eventually(SOON, gone).await.context("the workers end")?;
    stack.down().await
}

/// The processes whose file of settings is this folder's: those that the setup has started.
fn pids_of(folder: &Path) -> Vec<String> {
    let mark = format!("ENV_FILE={}", folder.join(".env").display());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_ours = |pid: &String| {
        let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let (environment, command) = (read("environ"), read("cmdline"));
        let has = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
        has(&environment, &mark) && has(&command, "run.sh")
    };
    let pids = entries.filter_map(|entry| entry.file_name().into_string().ok());
    pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_ours).collect()
}
