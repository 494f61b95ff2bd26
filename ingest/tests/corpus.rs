//! The fuzz targets' seeds as a normal test: bodies in the shapes of recorded ones, with invented people. The first part of a
//! file's name is the verdict that its body must get.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use ingest::{Verdict, judge};

/// The token in the bodies.
const TOKEN: &str = "fuzz-token";

fn name(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Publish(_) => "publish".into(),
        Verdict::Ignore(_) => "ignore".into(),
        Verdict::Park { .. } => "park".into(),
        Verdict::OtherNumber(_) => "ignore".into(),
        Verdict::Refuse(refusal) => refusal.label(),
    }
}

/// The number of bodies with each verdict.
fn walk(corpus: &str, judge: impl Fn(&[u8]) -> Verdict) -> Result<BTreeMap<String, usize>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(corpus);
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|name| name.to_str()).context("a name")?;
        // Files that the fuzzer has added have no such ending.
        let Some((expected, _)) = file.split_once('.').filter(|_| file.ends_with(".json")) else { continue };
        let verdict = judge(&std::fs::read(&path)?);
        assert_eq!(name(&verdict), expected, "{file}: {verdict:?}");
        *seen.entry(expected.to_owned()).or_default() += 1;
    }
    Ok(seen)
}

#[test]
fn every_body_of_aircall_gets_its_verdict() -> Result<()> {
    let seen = walk("webhook", |body| judge::aircall(body, TOKEN))?;
    let kinds: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["ignore", "malformed", "not_an_event", "park", "publish", "wrong_token"]);
    assert!(seen["publish"] >= 15, "{seen:?}");
    Ok(())
}

#[test]
fn every_body_of_sellsy_gets_its_verdict() -> Result<()> {
    let seen = walk("sellsy", |body| judge::sellsy(body, None, "a-secret-of-the-path"))?;
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["ignore", "park", "publish"]);
    Ok(())
}
