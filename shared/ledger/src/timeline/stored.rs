//! How a reason is stored as a field of a line or of a resolution: the sentence, and beside it the key and details.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{legacy, reason::Reason};

/// A row from before there were keys has only a sentence. The key of a newer version is unknown here and reads as
/// `Other`.
fn read_back(sentence: String, key: Value) -> Reason {
    serde_json::from_value(key).unwrap_or_else(|_| legacy::reason(sentence))
}

/// A field that is a reason, for `#[serde(flatten, with = "…")]`.
macro_rules! stored_as {
    ($sentence:ident, $key:ident) => {
        pub(crate) mod $sentence {
            use super::*;

            #[derive(Deserialize)]
            struct Read {
                $sentence: String,
                #[serde(default)]
                $key: Value,
            }

            #[derive(Serialize)]
            struct Stored<'a> {
                $sentence: String,
                $key: &'a Reason,
            }

            pub(crate) fn serialize<S: serde::Serializer>(why: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
                Stored { $sentence: why.to_string(), $key: why }.serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Reason, D::Error> {
                Read::deserialize(deserializer).map(|read| read_back(read.$sentence, read.$key))
            }
        }
    };
}

stored_as!(reason, reason_key);
stored_as!(rule, rule_key);
stored_as!(opportunity_rule, opportunity_rule_key);
