//! `callbridge contract`: what other programs may rely on, as documents that are made from the code: OpenAPI of the console, OpenAPI of what
//! every worker answers, AsyncAPI of the facts on the exchange. `docs/contracts/` has them as files; a test compares.

mod facts;
mod workers;

use std::collections::BTreeMap;

use base::say;
use clap::{Args, ValueEnum};
use serde_json::Value;

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge contract facts > asyncapi.json\n  callbridge contract workers | jq '.paths | keys'\n\n\
     docs/contracts.md says what is promised. The documents need neither settings nor a database.";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Which document
    of: Of,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Of {
    /// The console's JSON (OpenAPI)
    Console,
    /// The facts that ingest and the workers publish (AsyncAPI)
    Facts,
    /// The webhooks that ingest takes, and every worker's health (OpenAPI)
    Workers,
}

impl Of {
    fn document(self) -> Value {
        sorted(match self {
            Self::Console => crate::console::openapi(),
            Self::Facts => facts::asyncapi(),
            Self::Workers => workers::openapi(),
        })
    }
}

/// By key: whether objects keep their order depends on what else is built.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        value => value,
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string_pretty(&arguments.of.document())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// `WRITE_CONTRACTS=1 cargo test -p ops contracts` writes them anew: look at the difference before you commit it, others rely on these.
    #[test]
    fn the_files_are_what_the_code_says() {
        for (of, file) in [
            (Of::Console, "console.openapi.json"),
            (Of::Workers, "workers.openapi.json"),
            (Of::Facts, "facts.asyncapi.json"),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/contracts").join(file);
            let now = serde_json::to_string_pretty(&of.document()).unwrap() + "\n";
            if env::var_os("WRITE_CONTRACTS").is_some() {
                fs::write(&path, &now).unwrap();
            }
            let written = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                written == now,
                "docs/contracts/{file} is not what the code says: WRITE_CONTRACTS=1 writes it anew"
            );
        }
    }
}
