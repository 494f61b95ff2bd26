use secrecy::{ExposeSecret, SecretString};

use super::*;

fn parse(needs: Needs, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    let arguments = std::iter::once("worker").chain(arguments.iter().copied()).map(OsString::from).collect();
    let lookup = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
    Settings::parse("worker", "", needs, arguments, lookup, &Beside::default())
}

fn values(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_file_counts_for_what_the_environment_does_not_set_and_an_answer_before_it() {
    let environment = |name: &str| {
        [("AIRCALL_API_ID", "environment"), ("TIME_ZONE", "")]
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| OsString::from(v))
    };
    let file = std::env::temp_dir().join(format!("callbridge-settings-{}", uuid::Uuid::now_v7()));
    std::fs::write(&file, "of a file\n").unwrap();
    let path = file.to_str().unwrap();
    let of_file = values(&[
        ("AIRCALL_API_TOKEN", "file"),
        ("TIME_ZONE", "Europe/London"),
        ("SELLSY_CLIENT_ID", "file"),
        ("SELLSY_CLIENT_SECRET_FILE", path),
        ("LOG_LANGUAGE", ""),
        ("NO_SETTING", "x"),
    ]);
    let beside = Beside { first: values(&[("SELLSY_CLIENT_ID", "answer")]), last: of_file };
    let settings =
        Settings::parse("callbridge", "", Needs::default(), vec!["callbridge".into()], environment, &beside).unwrap();
    let shown = [&settings.aircall.api_token, &settings.sellsy.client_id, &settings.sellsy.client_secret]
        .map(|secret| secret.expose_secret().to_owned());
    assert_eq!(shown, ["file", "answer", "of a file"]);
    assert_eq!((settings.time_zone.iana_name(), settings.log_language), (Some("Europe/London"), Language::French));
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_password_of_any_characters_is_set_beside_its_url() {
    let environment = [
        ("--amqp-url", "amqp://callbridge@rabbitmq:5672/%2f", "--amqp-password", "/ # % @ ' \" $"),
        ("--database-url", "postgres://callbridge@postgres:5432/callbridge", "--database-password", "/#%@'\"$"),
    ];
    let arguments: Vec<String> = environment
        .iter()
        .flat_map(|(url, is, name, password)| [format!("{url}={is}"), format!("{name}={password}")])
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let settings = parse(Needs::default(), &arguments, &[]).unwrap();
    let url = |url: &SecretString| url.expose_secret().to_owned();
    assert_eq!(url(&settings.amqp_url), "amqp://callbridge:%2F%20%23%20%25%20%40%20%27%20%22%20%24@rabbitmq:5672/%2f");
    assert_eq!(url(&settings.database_url), "postgres://callbridge:%2F%23%25%40%27%22%24@postgres:5432/callbridge");
    // In the URL itself it works as well, unless it looks like an escape.
    let settings = parse(Needs::default(), &["--amqp-url=amqp://callbridge:a/b#c@d@rabbitmq:5672/%2f"], &[]).unwrap();
    assert_eq!(url(&settings.amqp_url), "amqp://callbridge:a%2Fb%23c%40d@rabbitmq:5672/%2f");
    for (arguments, expected) in [
        (
            ["--amqp-url=amqp://u:p@mq/", "--amqp-password=hunter2"],
            "AMQP_PASSWORD is set, but AMQP_URL has a password already",
        ),
        (
            ["--database-url=postgres://db/name", "--database-password=hunter2"],
            "DATABASE_PASSWORD is set, but DATABASE_URL names no user",
        ),
        (["--amqp-url=amqp://u:hunter2@mq/#x", "--concurrency=1"], "goes into AMQP_PASSWORD"),
    ] {
        let problems = parse(Needs::default(), &arguments, &[]).unwrap_err().to_string();
        assert!(problems.contains(expected) && !problems.contains("hunter2"), "{problems}");
    }
}

#[test]
fn defaults_are_enough_for_a_worker_without_needs() {
    let settings = parse(Needs::default(), &[], &[]).unwrap();
    assert_eq!(settings.amqp_namespace, "callbridge");
    assert_eq!(settings.concurrency, 32);
    assert!(settings.aircall.number_ids.is_empty());
}

#[test]
fn a_program_that_cannot_start_says_what_to_correct() {
    let problems = parse(Needs::default(), &["--concurrency=0"], &[]).unwrap_err();
    let printed = problems.cannot_start("logger", "logger --help");
    let (first, rest) = printed.split_once('\n').unwrap();
    assert_eq!(first, "logger cannot start; correct these environment variables (see logger --help):");
    assert!(rest.starts_with("  - CONCURRENCY ") && rest.ends_with('\n') && rest.lines().count() == 1, "{rest}");
}

#[test]
fn names_every_problem_at_once_and_no_value() {
    let needs = Needs { aircall_api: true, sellsy_api: true, console_password: true };
    let arguments = [
        "--amqp-url=hunter2",
        "--http-listen=x",
        "--time-zone=Mars/Olympus",
        "--log-language=de",
        "--match-first=last",
        "--match-archived=yes",
        "--aircall-call-link=hunter2",
        "--log-updates-every=-1s",
        "--log-fallback=letter",
        "--directory-sync-every=often",
        "--reconcile-every=0s",
        "--concurrency=0",
        "--retention-days=0",
        "--console-url=hunter2",
        "--alert-webhook-url=hunter2",
        "--alert-webhook-secret=hunter2",
        "--alert-slack-url=hunter2",
        "--alert-teams-url=ftp://hunter2",
        "--alert-smtp-url=smtp://hunter2@",
        "--alert-mail-from=hunter2",
        "--alert-mail-to=ops@example.com,hunter2",
        "--alert-kinds=hunter2",
        "--report-every=0s",
        "--report-days=0",
        "--report-weekly=hunter2",
        "--report-weekly-to=hunter2",
        "--sellsy-webhook-secret=hunter2",
        "--console-listen=everywhere",
        "--console-password=hunter2",
        "--log-template={{ hunter2 }}\n{{ agent }}",
        "--rules=[tags]\n\"hunter2\" = {}",
    ];
    let problems = parse(needs, &arguments, &[]).unwrap_err().to_string();
    for name in [
        "AMQP_URL",
        "HTTP_LISTEN",
        "TIME_ZONE",
        "LOG_LANGUAGE",
        "MATCH_FIRST",
        "MATCH_ARCHIVED",
        "AIRCALL_CALL_LINK",
        "LOG_UPDATES_EVERY",
        "LOG_FALLBACK",
        "DIRECTORY_SYNC_EVERY",
        "RECONCILE_EVERY",
        "CONCURRENCY",
        "RETENTION_DAYS",
        "CONSOLE_URL",
        "ALERT_WEBHOOK_URL",
        "ALERT_WEBHOOK_SECRET",
        "ALERT_SLACK_URL",
        "ALERT_TEAMS_URL",
        "ALERT_SMTP_URL",
        "ALERT_MAIL_FROM",
        "ALERT_MAIL_TO",
        "ALERT_KINDS",
        "REPORT_EVERY",
        "REPORT_DAYS",
        "REPORT_WEEKLY",
        "REPORT_WEEKLY_TO",
        "AIRCALL_API_ID",
        "AIRCALL_API_TOKEN",
        "SELLSY_CLIENT_ID",
        "SELLSY_CLIENT_SECRET",
        "SELLSY_WEBHOOK_SECRET",
        "LOG_TEMPLATE",
        "RULES",
        "CONSOLE_LISTEN",
        "CONSOLE_PASSWORD",
    ] {
        assert!(problems.contains(&format!("- {name} ")), "{name} in:\n{problems}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn a_wrong_file_of_rules_is_as_many_problems_as_it_has_mistakes() {
    let file = std::env::temp_dir().join(format!("callbridge-rules-{}.toml", uuid::Uuid::now_v7()));
    let argument = format!("--rules={}", file.display());
    std::fs::write(&file, "[calls]\nignore = [\"01 99 00 20 20\"]\n").unwrap();
    let settings = parse(Needs::default(), &[&argument], &[]).unwrap();
    assert!(settings.rules.calls.ignore(&"+33199002020".parse().unwrap()));
    std::fs::write(&file, "[calls]\nown_lines = \"no\"\n[tagz]\n").unwrap();
    let problems = parse(Needs::default(), &[&argument, "--log-language=de"], &[]).unwrap_err();
    std::fs::remove_file(&file).unwrap();
    let problems: Vec<_> = problems.iter().collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    let named = |line: usize| format!("RULES names {}, line {line}: ", file.display());
    assert!(problems.iter().any(|problem| problem.starts_with(&named(2))), "{problems:?}");
    assert!(
        problems.iter().any(|problem| problem.starts_with(&named(3)) && problem.contains("`tagz`")),
        "{problems:?}"
    );
}

#[test]
fn reads_secrets_from_files_and_refuses_both_ways_at_once() {
    let file = std::env::temp_dir().join(format!("callbridge-settings-{}", uuid::Uuid::now_v7()));
    std::fs::write(&file, "one, two\n").unwrap();
    let path = file.to_str().unwrap();
    let needs = Needs::default();
    let settings = parse(needs, &[], &[("AIRCALL_WEBHOOK_TOKENS_FILE", path)]).unwrap();
    let tokens: Vec<_> = settings.aircall.webhook_tokens.iter().map(|t| t.expose_secret()).collect();
    assert_eq!(tokens, ["one", "two"]);

    let empty = [("AIRCALL_WEBHOOK_TOKENS_FILE", path), ("AIRCALL_WEBHOOK_TOKENS", ""), ("TIME_ZONE", "")];
    let settings = parse(needs, &[], &empty).unwrap();
    assert_eq!(settings.aircall.webhook_tokens.len(), 2);
    assert_eq!(settings.time_zone.iana_name(), Some("Europe/Paris"));

    let both = [("DATABASE_URL_FILE", path), ("DATABASE_URL", "postgres://h/d")];
    assert!(parse(Needs::default(), &[], &both).unwrap_err().to_string().contains("both set"));
    std::fs::remove_file(&file).unwrap();
    let gone = parse(Needs::default(), &[], &[("SELLSY_CLIENT_SECRET_FILE", path)]).unwrap_err().to_string();
    assert!(gone.contains("SELLSY_CLIENT_SECRET_FILE") && gone.contains("cannot be read"), "{gone}");
}

#[test]
fn mail_needs_somebody_whom_it_is_from_and_somebody_whom_it_goes_to() {
    let server = "--alert-smtp-url=smtp://127.0.0.1:25";
    let (from, to) =
        ("--alert-mail-from=Callbridge <calls@example.com>", "--alert-mail-to=a@example.com, b@example.com");
    for (arguments, missing) in [
        (&[server][..], &["ALERT_MAIL_FROM", "ALERT_MAIL_TO"][..]),
        (&[server, from], &["ALERT_MAIL_TO"]),
        (&[server, to], &["ALERT_MAIL_FROM"]),
    ] {
        let problems = parse(Needs::default(), arguments, &[]).unwrap_err();
        let named: Vec<_> = problems.iter().filter_map(|problem| problem.split(' ').next()).collect();
        assert_eq!(named, missing, "{problems}");
    }
    let mail = parse(Needs::default(), &[server, from, to], &[]).unwrap().alerts.mail.unwrap();
    assert_eq!((mail.from.email.to_string().as_str(), mail.to.len()), ("calls@example.com", 2));
    // The server may be another worker's alone.
    assert!(parse(Needs::default(), &[from, to], &[]).unwrap().alerts.mail.is_none());
}

#[test]
fn the_consoles_address_ends_without_a_slash() {
    for (text, expected) in [("", None), ("https://calls.example.com/crm/", Some("https://calls.example.com/crm"))] {
        let settings = parse(Needs::default(), &[&format!("--console-url={text}")], &[]).unwrap();
        assert_eq!(settings.console_url.as_deref(), expected);
    }
}

/// The RabbitMQ Cluster Operator writes its URL like this. Taken literally, it would mean a virtual host with an empty name.
#[test]
fn a_slash_at_the_end_of_the_brokers_url_means_the_default_virtual_host() {
    let url = "--amqp-url=amqp://user:secret@broker.callbridge.svc:5672/";
    let settings = parse(Needs::default(), &[url], &[]).unwrap();
    let uri: lapin::uri::AMQPUri = settings.amqp_url.expose_secret().parse().unwrap();
    assert_eq!((uri.authority.host.as_str(), uri.vhost.as_str()), ("broker.callbridge.svc", "/"));
}

#[test]
fn people_sign_in_by_password_by_a_proxy_or_by_an_identity_provider() {
    let needs = Needs { console_password: true, ..Needs::default() };
    let wrong = |arguments: &[&str]| parse(needs, arguments, &[]).unwrap_err().to_string();
    let proxy =
        ["--console-proxy=authelia", "--console-proxy-from=127.0.0.1,10.0.0.0/8", "--console-admins=Ines@example.com"];
    let settings = parse(needs, &proxy, &[]).unwrap();
    assert_eq!(settings.console.people.admins, ["ines@example.com"]);
    assert_eq!(settings.console.proxy.unwrap().from.len(), 2);
    let oidc = [
        "--console-oidc-issuer=https://login.example.com/",
        "--console-oidc-client-id=callbridge",
        "--console-oidc-client-secret=hunter2",
        "--console-url=https://calls.example.com/",
        "--console-viewers=*",
    ];
    let settings = parse(needs, &oidc, &[]).unwrap().console.oidc.unwrap();
    assert_eq!((&*settings.issuer, &*settings.console_url), ("https://login.example.com", "https://calls.example.com"));
    for (arguments, says) in [
        (&[][..], "CONSOLE_PASSWORD is missing"),
        (&["--console-password=short"], "CONSOLE_PASSWORD is too short"),
        (&["--console-proxy=nginx"], "CONSOLE_PROXY must be"),
        (&["--console-proxy=authelia"], "CONSOLE_PROXY_FROM is missing"),
        (&["--console-proxy=authelia", "--console-proxy-from=hunter2"], "CONSOLE_PROXY_FROM must be"),
        (&["--console-proxy=authelia", "--console-proxy-secret=hunter2"], "CONSOLE_PROXY_SECRET must have"),
        (&proxy[..2], "name nobody"),
        (&oidc[..3], "CONSOLE_URL is missing"),
        (&["--console-oidc-issuer=http://login.example.com"], "CONSOLE_OIDC_ISSUER must begin with https://"),
        (&[oidc[0], oidc[3]], "CONSOLE_OIDC_CLIENT_ID is missing"),
        (&["--audit-days=0"], "AUDIT_DAYS must be"),
    ] {
        let problems = wrong(arguments);
        assert!(problems.contains(says) && !problems.contains("hunter2"), "{arguments:?}: {problems}");
    }
}
