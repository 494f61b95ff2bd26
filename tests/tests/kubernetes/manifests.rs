//! The folder `deploy/kubernetes` as data: texts, documents, pods.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

/// The texts of all files, by their path in the folder.
#[derive(Clone)]
pub(crate) struct Manifests(BTreeMap<String, String>);

pub(crate) struct Document {
    pub(crate) file: String,
    pub(crate) value: Value,
}

pub(crate) type Labels = BTreeMap<String, String>;

/// What selectors select.
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    /// By name.
    pub(crate) ports: BTreeMap<String, i64>,
}

impl Manifests {
    pub(crate) fn read() -> Result<Self> {
        let folder = tests::workspace().join("deploy/kubernetes");
        let mut files = BTreeMap::new();
        for part in ["", "base"] {
            for entry in std::fs::read_dir(folder.join(part))? {
                let path = entry?.path();
                let name = path.strip_prefix(&folder)?.to_string_lossy().into_owned();
                // Who has an installation has secrets.env there, which is nobody's business.
                if path.is_file() && !name.ends_with("secrets.env") {
                    files.insert(name, std::fs::read_to_string(&path)?);
                }
            }
        }
        Ok(Self(files))
    }

    /// The same with one thing changed, to see that it is noticed.
    pub(crate) fn with(&self, file: &str, from: &str, to: &str) -> Self {
        let mut changed = self.clone();
        let text = changed.0.entry(file.to_owned()).or_default();
        assert!(text.contains(from), "{file} has no {from:?}");
        *text = text.replacen(from, to, 1);
        changed
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn documents(&self) -> Result<Vec<Document>, Vec<String>> {
        let (mut documents, mut problems) = (Vec::new(), Vec::new());
        for (file, text) in self.0.iter().filter(|(file, _)| file.ends_with(".yaml")) {
            match serde_saphyr::from_multiple::<Value>(text) {
                Ok(values) => documents.extend(values.into_iter().map(|value| Document { file: file.clone(), value })),
                Err(e) => problems.push(format!("{file}: {e}")),
            }
        }
        if problems.is_empty() { Ok(documents) } else { Err(problems) }
    }

    /// `NAME=value` of a file such as settings.env. What is commented out is there too, with `false`.
    pub(crate) fn settings(&self, file: &str) -> BTreeMap<String, (String, bool)> {
        let setting = |line: &str| {
            let (text, holds) = line.strip_prefix("# ").map_or((line, true), |text| (text, false));
            let (name, value) = text.split_once('=')?;
            let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
            is_name.then(|| (name.to_owned(), (value.to_owned(), holds)))
        };
        self.0[file].lines().filter_map(setting).collect()
    }
}

impl Document {
    pub(crate) fn kind(&self) -> &str {
        text(&self.value, "/kind")
    }

    /// `Deployment ingest`.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.kind(), self.name())
    }

    pub(crate) fn name(&self) -> &str {
        text(&self.value, "/metadata/name")
    }
}

pub(crate) fn of_kind<'a>(documents: &'a [Document], kind: &str) -> impl Iterator<Item = &'a Document> {
    documents.iter().filter(move |document| document.kind() == kind)
}

pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn labels(value: &Value, path: &str) -> Labels {
    let labels = value.pointer(path).and_then(Value::as_object).into_iter().flatten();
    labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The one container of a Deployment.
pub(crate) fn container(deployment: &Document) -> &Value {
    deployment.value.pointer("/spec/template/spec/containers/0").unwrap_or(&Value::Null)
}

pub(crate) fn pods(documents: &[Document]) -> Vec<Pod> {
    let ours = of_kind(documents, "Deployment").map(|deployment| Pod {
        name: deployment.name().into(),
        labels: labels(&deployment.value, "/spec/template/metadata/labels"),
        ports: list(container(deployment), "/ports")
            .iter()
            .map(|port| (text(port, "/name").into(), port["containerPort"].as_i64().unwrap_or_default()))
            .collect(),
    });
    // The operator labels its pods so.
    let brokers = of_kind(documents, "RabbitmqCluster").map(|broker| Pod {
        name: broker.name().into(),
        labels: [("name", broker.name()), ("component", "rabbitmq"), ("part-of", "rabbitmq")]
            .map(|(name, value)| (format!("app.kubernetes.io/{name}"), value.to_owned()))
            .into(),
        ports: [
            ("epmd", 4369),
            ("amqp", 5672),
            ("management", 15672),
            ("prometheus", 15692),
            ("nodes", 25672),
            ("tools", 35672),
        ]
        .map(|(name, port)| (name.to_owned(), port))
        .into(),
    });
    ours.chain(brokers).collect()
}

/// What a `podSelector` or `selector` selects; with `matchExpressions` as far as they are used.
pub(crate) fn selected<'a>(pods: &'a [Pod], selector: &Value) -> Vec<&'a Pod> {
    let wanted = labels(selector, "/matchLabels");
    let admits = |expression: &Value, pod: &Pod| {
        let value = pod.labels.get(text(expression, "/key"));
        let is_in = list(expression, "/values").iter().any(|v| v.as_str() == value.map(String::as_str));
        let operator = text(expression, "/operator");
        assert!(["In", "NotIn"].contains(&operator), "matchExpressions with {operator} are not known here");
        is_in == (operator == "In")
    };
    let fits = |pod: &&Pod| {
        wanted.iter().all(|(name, value)| pod.labels.get(name) == Some(value))
            && list(selector, "/matchExpressions").iter().all(|expression| admits(expression, pod))
    };
    pods.iter().filter(fits).collect()
}
