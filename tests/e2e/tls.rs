//! TLS to the broker, the database and both APIs, with certificates of a CA that only `SSL_CERT_FILE` makes trusted.

use anyhow::{Context, Result};
use harness::{Process, Stack, WORKERS, build::call, eventually};
use serde_json::Value;

use crate::{
    CLIENT, SOON,
    ca::{Begins, Ca},
};

/// Every connection of a worker goes through a relay of `ca`.
async fn encrypt(stack: &mut Stack, ca: &Ca) -> Result<()> {
    let amqp_url = ca.relay(&stack.amqp_url, "amqps", Begins::AtOnce).await?;
    let database_url = ca.relay(&stack.database_url, "postgres", Begins::WhenAsked).await?;
    let join = if database_url.contains('?') { '&' } else { '?' };
    let sandbox = ca.relay(stack.sandbox.url(), "https", Begins::AtOnce).await?;
    for (name, value) in [
        ("AMQP_URL", amqp_url),
        ("DATABASE_URL", format!("{database_url}{join}sslmode=require")),
        ("AIRCALL_API_URL", format!("{sandbox}/aircall")),
        ("SELLSY_API_URL", format!("{sandbox}/sellsy/v2")),
        ("SELLSY_AUTH_URL", format!("{sandbox}/sellsy/oauth2/access-tokens")),
    ] {
        stack.environment.insert(name.into(), value);
    }
    Ok(())
}

fn trust(stack: &mut Stack, ca: &Ca) -> Result<()> {
    let file = ca.write(&stack.logs.join("ca.pem"))?;
    stack.environment.insert("SSL_CERT_FILE".into(), file);
    Ok(())
}

/// Why the worker is not ready, once it reports a reason for each of these conditions.
async fn missing(worker: &Process, conditions: &[&str]) -> Result<Value> {
    let reported = || async {
        let (_, answer) = worker.readiness().await.ok()?;
        let reason =
            |condition: &&str| answer["missing"][*condition].as_str().is_some_and(|reason| reason != "starting");
        conditions.iter().all(reason).then(|| answer["missing"].clone())
    };
    eventually(SOON, reported)
        .await
        .with_context(|| format!("{} has no such reasons:\n{}", worker.name, worker.output()))
}

/// The database's URL names its CA, which nothing else trusts.
#[tokio::test]
async fn the_url_of_the_database_can_name_its_ca() -> Result<()> {
    let (mut stack, ca) = (Stack::new("rootcert").await?, Ca::new()?);
    encrypt(&mut stack, &ca).await?;
    let url = stack.environment.get("DATABASE_URL").context("a URL")?.replace("sslmode=require", "sslmode=verify-full");
    let file = ca.write(&stack.logs.join("ca of the database.pem"))?.replace(' ', "%20");
    stack.environment.insert("DATABASE_URL".into(), format!("{url}&sslrootcert={file}"));
    let worker = stack.start("resolver").await?;
    let trusted = || async {
        let (_, answer) = worker.readiness().await.ok()?;
        let refused =
            |condition: &str| answer["missing"][condition].as_str().is_some_and(|why| why.contains("certificate"));
        (answer["missing"]["database"].is_null() && refused("broker")).then_some(())
    };
    eventually(SOON, trusted).await.with_context(|| worker.output())?;
    stack.down().await
}

#[tokio::test]
async fn a_call_goes_through_when_everything_is_encrypted() -> Result<()> {
    let (mut stack, ca) = (Stack::new("tls").await?, Ca::new()?);
    encrypt(&mut stack, &ca).await?;
    trust(&mut stack, &ca)?;
    let workers = stack.start_all().await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(call, SOON).await?;
    let (output, good) = stack.callbridge(&["dead", "list"]).await?;
    assert!(good, "{output}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn a_certificate_of_an_unknown_ca_is_refused_and_the_worker_says_what_to_do() -> Result<()> {
    let (mut stack, ca) = (Stack::new("untrusted").await?, Ca::new()?);
    let plain = stack.environment.clone();
    encrypt(&mut stack, &ca).await?;
    trust(&mut stack, &Ca::new()?)?;
    for name in WORKERS {
        let worker = stack.start(name).await?;
        let missing = missing(&worker, &["broker", "database"]).await?;
        for condition in ["broker", "database"] {
            let reason = missing[condition].as_str().unwrap_or_default();
            assert!(reason.contains("UnknownIssuer") && reason.contains("SSL_CERT_FILE"), "{name}: {reason}");
        }
        assert!(worker.output().contains("SSL_CERT_FILE"), "{name}:\n{}", worker.output());
    }
    let (output, good) = stack.callbridge(&["dead", "list"]).await?;
    assert!(!good && output.contains("SSL_CERT_FILE"), "{output}");
    // Only the APIs, with broker and database unchanged.
    for name in ["AMQP_URL", "DATABASE_URL"] {
        stack.environment.insert(name.into(), plain[name].clone());
    }
    let resolver = stack.start("resolver").await?;
    let reported = || async { resolver.output().contains("SSL_CERT_FILE").then_some(()) };
    eventually(SOON, reported).await.with_context(|| resolver.output())?;
    drop(resolver);
    stack.down().await
}

#[tokio::test]
async fn wrong_ends_of_tls_are_distinguished() -> Result<()> {
    let mut stack = Stack::new("no_tls").await?;
    // Broker and database of the tests use no TLS, or an untrusted certificate.
    let amqps = stack.amqp_url.replacen("amqp://", "amqps://", 1);
    stack.environment.insert("AMQP_URL".into(), amqps);
    let worker = stack.start("logger").await?;
    let reason = missing(&worker, &["broker"]).await?["broker"].to_string();
    assert!(reason.contains("does not speak TLS"), "{reason}");
    drop(worker);
    let nowhere = stack.logs.join("nothing.pem").display().to_string();
    let not_pem = stack.logs.join("sandbox.log").display().to_string();
    for file in [nowhere, not_pem] {
        stack.environment.insert("SSL_CERT_FILE".into(), file.clone());
        let mut worker = stack.spawn("ingest", &[], &stack.environment, "named").await?;
        assert_eq!(worker.wait(SOON).await?.code(), Some(2), "{file}");
        let mut command = stack.begin(&["dead", "list"]).await?;
        assert_eq!(command.wait(SOON).await?.code(), Some(2), "{file}: {}", command.output());
        assert!(worker.output().contains("- SSL_CERT_FILE: "), "{}", worker.output());
    }
    stack.down().await
}
