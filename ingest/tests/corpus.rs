//! The fuzz targets' seeds as a normal test: bodies in the shapes of those that were recorded, with invented people. The
//! first part of a file's name is what its body must be taken for.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use ingest::{Verdict, judge};

/// The one in the bodies.
const TOKEN: &str = "fuzz-token";

fn name(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Publish(_) => "publish".into(),
        Verdict::Ignore(_) => "ignore".into(),
        Verdict::Park { .. } => "park".into(),
        Verdict::Refuse(refusal) => refusal.label(),
    }
}

/// How many bodies there are of each verdict.
fn walk(corpus: &str, judge: impl Fn(&[u8]) -> Verdict) -> Result<BTreeMap<String, usize>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(corpus);
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|name| name.to_str()).context("a name")?;
        // What a run of the fuzzer adds has no such ending.
        let Some((expected, _)) = file.split_once('.').filter(|_| file.ends_with(".json")) else { continue };
        let verdict = judge(&std::fs::read(&path)?);
        assert_eq!(name(&verdict), expected, "{file}: {verdict:?}");
        *seen.entry(expected.to_owned()).or_default() += 1;
    }
    Ok(seen)
}

#[test]
fn every_body_of_aircall_is_taken_for_what_it_is() -> Result<()> {
    let seen = walk("webhook", |body| judge::aircall(body, TOKEN))?;
    let kinds: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["ignore", "malformed", "not_an_event", "park", "publish", "wrong_token"]);
    assert!(seen["publish"] >= 15, "{seen:?}");
    Ok(())
}

#[test]
fn every_body_of_sellsy_is_taken_for_what_it_is() -> Result<()> {
    let seen = walk("sellsy", |body| judge::sellsy(body, None, "a-secret-of-the-path"))?;
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), ["ignore", "park", "publish"]);
    Ok(())
}
