//! `field[]` and `embed[]`: which fields an answer contains, and which further objects beside them.
//!
//! `field[]=id`, `field[]=owner.id` and `field[]=companies[].id` keep only what they name. Embeds are accepted and answered with
//! null, as the API does when the scope for an embed is missing.

use serde_json::{Map, Value};

use super::errors::{Error, Problems};
use super::request::Parameters;

#[derive(Debug, Default)]
pub(super) struct Shape {
    fields: Vec<Vec<String>>,
    embeds: Vec<String>,
}

impl Shape {
    pub(super) fn parse(parameters: &Parameters) -> Result<Shape, Error> {
        let mut problems = Problems::default();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".[]_-".contains(&byte);
        let names = parameters.list("field");
        if names.iter().any(|name| name.is_empty() || !name.bytes().all(allowed)) {
            problems.invalid("field", "Cette valeur n'est pas un nom de champ");
        }
        problems.into_result()?;
        let path = |name: &&str| name.split('.').map(|part| part.trim_end_matches("[]").to_owned()).collect();
        Ok(Shape {
            fields: names.iter().map(path).collect(),
            embeds: parameters.list("embed").into_iter().map(str::to_owned).collect(),
        })
    }

    pub(super) fn apply(&self, mut item: Value) -> Value {
        if let (Value::Object(map), false) = (&mut item, self.embeds.is_empty()) {
            let embeds = self.embeds.iter().map(|name| (name.clone(), Value::Null)).collect();
            map.insert("_embed".to_owned(), Value::Object(embeds));
        }
        if self.fields.is_empty() {
            return item;
        }
        let paths: Vec<&[String]> = self.fields.iter().map(Vec::as_slice).collect();
        keep(item, &paths)
    }
}

fn keep(value: Value, paths: &[&[String]]) -> Value {
    if paths.iter().any(|path| path.is_empty()) {
        return value;
    }
    match value {
        Value::Array(items) => items.into_iter().map(|item| keep(item, paths)).collect(),
        Value::Object(map) => {
            let kept = map.into_iter().filter_map(|(key, value)| {
                let below: Vec<_> = paths.iter().filter(|path| path[0] == key).map(|path| &path[1..]).collect();
                (!below.is_empty()).then(|| (key, keep(value, &below)))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_named_is_kept() {
        let item =
            json!({"id": 1, "owner": {"id": 2, "type": "staff"}, "companies": [{"id": 3, "name": "x"}], "note": ""});
        let check = |fields: &[&str], expect: Value| {
            let fields =
                fields.iter().map(|f| f.split('.').map(|p| p.trim_end_matches("[]").to_owned()).collect()).collect();
            assert_eq!(Shape { fields, embeds: vec![] }.apply(item.clone()), expect);
        };
        check(&[], item.clone());
        check(&["id"], json!({"id": 1}));
        check(&["owner.id", "companies[].id"], json!({"owner": {"id": 2}, "companies": [{"id": 3}]}));
        check(&["owner", "owner.id"], json!({"owner": {"id": 2, "type": "staff"}}));
        check(&["nothing"], json!({}));
    }
}
