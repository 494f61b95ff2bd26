//! The catalogue of metrics matches what the code records and what `docs/metrics.md` lists, and contains every metric that the
//! dashboard and the alerts use.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use base::telemetry::catalogue::{Kind, METRICS, table};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The text before the parenthesis that closes the macro call.
fn until_closed(call: &str) -> &str {
    let mut open = 1;
    let closes = |c: char| {
        open += i32::from(c == '(') - i32::from(c == ')');
        open == 0
    };
    call.split(closes).next().unwrap()
}

/// Kind and labels of each `metrics::counter!("name", "label" => value, …)`.
fn recorded() -> BTreeMap<String, (Kind, Vec<String>)> {
    let mut files = Vec::new();
    for crate_ in [
        "ingest",
        "resolver",
        "logger",
        "followups",
        "insights",
        "shared/base",
        "shared/vendors",
        "shared/ledger",
        "shared/broker",
        "ops",
    ] {
        sources(&root().join(crate_).join("src"), &mut files);
    }
    let mut recorded = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for (start, kind) in [
            ("metrics::counter!(", Kind::Counter),
            ("metrics::gauge!(", Kind::Gauge),
            ("metrics::histogram!(", Kind::Histogram),
        ] {
            for call in text.split(start).skip(1) {
                let arguments = until_closed(call);
                let mut texts = arguments.split('"').skip(1).step_by(2);
                let name = texts.next().unwrap().to_owned();
                // Each arrow comes after its label, and a value follows the last arrow.
                let pieces: Vec<_> = arguments.split("=>").collect();
                let labels = pieces.split_last().unwrap().1.iter();
                let labels = labels.map(|before| before.rsplit('"').nth(1).unwrap().to_owned()).collect();
                recorded.insert(name, (kind, labels));
            }
        }
    }
    recorded
}

#[test]
fn the_code_records_what_the_catalogue_lists() {
    let listed = METRICS.iter().map(|metric| {
        (metric.name.to_owned(), (metric.kind, metric.labels.iter().map(|label| (*label).to_owned()).collect()))
    });
    assert_eq!(recorded(), listed.collect());
}

#[test]
fn the_documents_list_what_the_catalogue_lists() {
    let text = read("docs/metrics.md");
    assert!(text.contains(&table()), "docs/metrics.md should have this table:\n{}", table());
}

#[test]
fn dashboard_and_alerts_use_no_other_metric() {
    let known: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    for file in ["deploy/grafana/callbridge.json", "deploy/prometheus/alerts.yml"] {
        let text = read(file);
        let names = text.split("callbridge_").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            format!("callbridge_{}", &rest[..end])
        });
        let mut used = 0;
        for name in names {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            assert!(known.contains(base), "{file}: {name} is not in the catalogue");
            used += 1;
        }
        assert!(used > 5, "{file} uses {used}");
    }
}
