//! Checks the manifests of `deploy/kubernetes`: whether Kubernetes would accept them, and whether they agree with the workers'
//! settings, the topology and the image. No cluster is needed.
//!
//! Kubernetes drops unknown fields, so a probe with a misspelt name is no probe. Each document is therefore read into its type
//! and written out again: what is lost on the way is an unknown field. The operators' own resources have no type here; `kubectl
//! apply` validates them against the operators' schemas, and the parts that Callbridge needs are compared below.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use base::{
    settings::{Needs, Settings},
    telemetry::catalogue::METRICS,
};
use broker::topology::{Names, WORK_QUEUES};
use k8s_openapi::api::{apps::v1 as apps, core::v1 as core, networking::v1 as networking, policy::v1 as policy};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The texts of the folder, by their path in it, and the Dockerfile.
type Files = BTreeMap<String, String>;

const PROGRAMS: [(&str, &str); 6] = [
    ("ingest", include_str!("../../ingest/src/main.rs")),
    ("resolver", include_str!("../../resolver/src/main.rs")),
    ("logger", include_str!("../../logger/src/main.rs")),
    ("insights", include_str!("../../insights/src/main.rs")),
    ("followups", include_str!("../../followups/src/main.rs")),
    ("console", include_str!("../../ops/src/main.rs")),
];
/// How a `main.rs` names the services and settings that its program requires.
const NEEDS: [(&str, &[&str]); 3] = [
    ("aircall_api:", &["AIRCALL_API_ID", "AIRCALL_API_TOKEN"]),
    ("sellsy_api:", &["SELLSY_CLIENT_ID", "SELLSY_CLIENT_SECRET"]),
    ("console_password:", &["CONSOLE_PASSWORD"]),
];

/// A file, a text in it, a mistake to replace it with, and part of the expected finding.
const MISTAKES: [(&str, &str, &str, &str); 20] = [
    ("base/ingest.yaml", "readinessProbe:", "readynessProbe:", "readynessProbe is no field"),
    ("base/ingest.yaml", "containerPort: 8080", "containerPort: '8080'", "invalid type"),
    ("base/logger.yaml", "apiVersion: apps/v1", "apiVersion: apps/v2", "apps/v2 is not known"),
    ("base/kustomization.yaml", "  - network.yaml\n", "", "resources of base"),
    ("settings.env", "TIME_ZONE", "TIMEZONE", "TIMEZONE is no setting"),
    ("settings.env", "LOG_FORMAT=json", "DATABASE_URL=x", "DATABASE_URL is a secret"),
    ("base/logger.yaml", "key: SELLSY_CLIENT_ID", "key: SELLSY_CLIENT_SECRET", "SELLSY_CLIENT_ID is not read from"),
    ("base/console.yaml", "- name: CONSOLE_PASSWORD\n", "- name: LOG_FALLBACK\n", "CONSOLE_PASSWORD is not given"),
    ("base/console.yaml", "0.0.0.0:8090", "0.0.0.0:8091", "console: ports"),
    ("base/logger.yaml", "/healthz", "/readyz", "logger: startupProbe"),
    ("base/insights.yaml", "drop: [ALL]", "drop: [NET_RAW]", "insights: rights"),
    ("base/logger.yaml", "command: [logger]", "command: [log]", "logger: command"),
    ("Dockerfile", "target/release/insights", "", "insights is no program of the image"),
    ("base/ingest.yaml", "path: /webhooks/", "path: /", "ways in"),
    ("base/network.yaml", "component: ingest", "component: ingress", "ingress is nobody"),
    ("base/logger.yaml", "name: contested", "name: budget", "\"budget\" is not in the formula"),
    ("base/logger.yaml", "valueLocation: callbridge_budget_c", "valueLocation: callbridge_quota_c", "is no metric"),
    ("base/logger.yaml", "http://logger.", "http://resolver.", "logger: url"),
    ("tests/sandbox.yaml", "readinessProbe:", "readyProbe:", "readyProbe is no field"),
    ("base/resolver.yaml", "queueName: callbridge.ringing", "queueName: callbridge.ring", "queues that KEDA looks at"),
];

#[test]
fn the_manifests_are_right() {
    assert_eq!(problems(&files().unwrap()), Vec::<String>::new());
}

#[test]
fn every_mistake_is_noticed() {
    for (file, from, to, expected) in MISTAKES {
        let mut files = files().unwrap();
        let text = files.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        *text = text.replacen(from, to, 1);
        let found = problems(&files);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{file}: {to:?}: {found:?}");
    }
}

/// What `tests/kubernetes.sh` applies: Kubernetes must accept it, all else is its own.
const TESTS: &str = "tests/";

fn files() -> io::Result<Files> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kubernetes/");
    let mut files = Files::from([("Dockerfile".to_owned(), include_str!("../../Dockerfile").to_owned())]);
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/kind/");
    let parts = ["", "base/", "components/pod-monitor/", "components/database-ca/", "database/"];
    let ours = parts.map(|part| (part, format!("{folder}{part}")));
    for (part, folder) in ours.into_iter().chain([(TESTS, tests.to_owned())]) {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let path = format!("{part}{}", entry.file_name().to_string_lossy());
                files.insert(path, fs::read_to_string(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn problems(files: &Files) -> Vec<String> {
    let mut documents = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".yaml")) {
        match serde_saphyr::from_multiple::<Value>(text) {
            Ok(values) => documents.extend(values.into_iter().map(|value| (file.as_str(), value))),
            Err(e) => return vec![format!("{file}: {e}")],
        }
    }
    let unread = documents.iter().filter_map(|(file, value)| Some(format!("{file}: {}", schema(value).err()?)));
    let problems = unread.collect();
    documents.retain(|(file, _)| !file.starts_with(TESTS));
    let mut review = Review { files, documents: &documents, problems };
    review.kustomizations();
    review.labels();
    for (name, deployment) in review.of_kind("Deployment") {
        review.deployment(name, &deployment["spec"]["template"]["spec"]);
    }
    review.way_in();
    review.scaling();
    review.problems
}

fn schema(value: &Value) -> Result<(), String> {
    match (text(value, "/apiVersion"), text(value, "/kind")) {
        ("v1", "Namespace") => exact::<core::Namespace>(value),
        ("v1", "Service") => exact::<core::Service>(value),
        ("apps/v1", "Deployment") => exact::<apps::Deployment>(value),
        ("networking.k8s.io/v1", "Ingress") => exact::<networking::Ingress>(value),
        ("networking.k8s.io/v1", "NetworkPolicy") => exact::<networking::NetworkPolicy>(value),
        ("policy/v1", "PodDisruptionBudget") => exact::<policy::PodDisruptionBudget>(value),
        (_, "ScaledObject" | "TriggerAuthentication" | "RabbitmqCluster" | "PodMonitor") => Ok(()),
        ("postgresql.cnpg.io/v1" | "kind.x-k8s.io/v1alpha4", "Cluster") => Ok(()),
        (_, "Kustomization" | "Component") => Ok(()),
        (version, kind) => Err(format!("{kind} of {version} is not known here")),
    }
}

fn exact<T: DeserializeOwned + Serialize>(value: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    lost(value, &serde_json::to_value(&typed).map_err(|e| e.to_string())?, "").map_or(Ok(()), Err)
}

fn lost(ours: &Value, theirs: &Value, at: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(key, value)| match b.get(key) {
            Some(other) => lost(value, other, &format!("{at}/{key}")),
            None => Some(format!("{at}/{key} is no field")),
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a.iter().zip(b).find_map(|(a, b)| lost(a, b, at)),
        _ => (ours != theirs).then(|| format!("{at} is {ours}, and read as {theirs}")),
    }
}

struct Review<'a> {
    files: &'a Files,
    /// Each with the file that it is in.
    documents: &'a [(&'a str, Value)],
    problems: Vec<String>,
}

impl<'a> Review<'a> {
    fn expect(&mut self, holds: bool, problem: String) {
        self.problems.extend((!holds).then_some(problem));
    }

    fn same(&mut self, what: &str, found: &Value, wanted: &Value) {
        self.expect(found == wanted, format!("{what}: it should be {wanted}, not {found}"));
    }

    /// By name.
    fn of_kind(&self, kind: &str) -> BTreeMap<&'a str, &'a Value> {
        let found = self.documents.iter().filter(|(_, value)| value["kind"] == kind);
        found.map(|(_, value)| (text(value, "/metadata/name"), value)).collect()
    }

    /// Every file is applied, what is generated is what pods ask for, and every name is that of a setting.
    fn kustomizations(&mut self) {
        let of = |path| self.documents.iter().find(|(file, _)| *file == path).map_or(&Value::Null, |(_, value)| value);
        let (outer, base) = (of("kustomization.yaml"), of("base/kustomization.yaml"));
        let applied: BTreeSet<_> = list(base, "/resources").iter().filter_map(Value::as_str).collect();
        let there = self.files.keys().filter_map(|file| file.strip_prefix("base/"));
        let there: BTreeSet<_> = there.filter(|file| *file != "kustomization.yaml").collect();
        self.same("resources of base", &json!(applied), &json!(there));
        self.same("image", &outer["images"][0]["name"], &json!("callbridge"));
        let made = [&outer["configMapGenerator"], &outer["secretGenerator"]];
        let settings = json!([{"name": "settings", "envs": ["settings.env"]}]);
        self.same("generators", &json!(made), &json!([settings, [{"name": "secrets", "envs": ["secrets.env"]}]]));
        let (public, secret) = (names(&self.files["settings.env"]), names(&self.files["secrets.env.example"]));
        for name in public.union(&secret) {
            self.expect(setting(name).is_some(), format!("{name} is no setting"));
            self.expect(!public.contains(name) || !secret.contains(name), format!("{name} is a secret"));
        }
    }

    /// A label of ours names one of our pods, and in a worker's file that worker.
    fn labels(&mut self) {
        let pods = self.of_kind("Deployment");
        for (file, text) in self.files {
            let own = file.trim_start_matches("base/").trim_end_matches(".yaml");
            for rest in text.split("app.kubernetes.io/component: ").skip(1) {
                let component = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                let is_known = pods.contains_key(component) || component == "rabbitmq";
                let is_own = component == own || !pods.contains_key(own);
                self.expect(is_known && is_own, format!("{file}: {component} is nobody"));
            }
        }
    }

    fn deployment(&mut self, name: &str, pod: &Value) {
        let container = &pod["containers"][0];
        let (command, listen, alive, ready) = match name {
            "console" => (vec!["callbridge", "console"], "CONSOLE_LISTEN", "/login", "/login"),
            worker => (vec![worker], "HTTP_LISTEN", "/healthz", "/readyz"),
        };
        let set = list(container, "/env").iter().find(|variable| variable["name"] == listen);
        let listens = set.map_or(setting(listen).unwrap_or_default(), |set| text(set, "/value").to_owned());
        let port = listens.strip_prefix("0.0.0.0:").and_then(|port| port.parse::<u16>().ok());
        let get = |path| json!({"path": path, "port": "http"});
        let seccomp = json!({"type": "RuntimeDefault"});
        let user = json!({"runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "seccompProfile": seccomp});
        let drop = json!({"drop": ["ALL"]});
        let rights = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": drop});
        for (what, found, wanted) in [
            ("image", &container["image"], json!("callbridge")),
            ("command", &container["command"], json!(command)),
            ("ports", &container["ports"], json!([{"name": "http", "containerPort": port}])),
            // A worker restarted for not being ready would be restarted for as long as the broker is unavailable.
            ("startupProbe", &container["startupProbe"]["httpGet"], get(alive)),
            ("livenessProbe", &container["livenessProbe"]["httpGet"], get(alive)),
            ("readinessProbe", &container["readinessProbe"]["httpGet"], get(ready)),
            ("user", &pod["securityContext"], user),
            ("rights", &container["securityContext"], rights),
            ("token of the cluster", &pod["automountServiceAccountToken"], json!(false)),
            ("envFrom", &container["envFrom"], json!([{"configMapRef": {"name": "settings"}}])),
        ] {
            self.same(&format!("{name}: {what}"), found, &wanted);
        }
        let image = &self.files["Dockerfile"];
        let is_there = image.contains(&format!("target/release/{}", command[0])) && image.contains("USER 10001:10001");
        self.expect(is_there, format!("{name} is no program of the image"));
        self.environment(name, list(container, "/env"));
    }

    /// Secrets are referenced, and all required settings are given.
    fn environment(&mut self, program: &str, variables: &[Value]) {
        let secrets = names(&self.files["secrets.env.example"]);
        let mut given = BTreeSet::new();
        for variable in variables {
            let (name, secret) = (text(variable, "/name"), &variable["valueFrom"]["secretKeyRef"]);
            let (from, key) = match name {
                "AMQP_URL" => ("broker-default-user", "connection_string"),
                name => ("secrets", name),
            };
            let is_right = secret["name"] == from && secret["key"] == key;
            let is_public = setting(name).is_some() && name != "AMQP_URL" && !secrets.contains(name);
            self.expect(is_right || is_public, format!("{program}: {name} is not read from {key} of {from}"));
            if secret["optional"] != true {
                given.insert(name);
            }
        }
        // A new kind of requirement must be added here to compile.
        let Needs { aircall_api: _, sellsy_api: _, console_password: _ } = Needs::default();
        let main = PROGRAMS.iter().find(|(name, _)| *name == program).map_or("", |(_, main)| main);
        let needs = NEEDS.iter().filter(|(need, _)| main.contains(need));
        let needed: Vec<_> = needs.flat_map(|(_, names)| *names).collect();
        // Ingest starts without any: its tokens are in the database.
        self.expect(!needed.is_empty() || program == "ingest", format!("{program}: what does it need?"));
        for name in needed.into_iter().chain(&["AMQP_URL", "DATABASE_URL"]) {
            self.expect(given.contains(name), format!("{program}: {name} is not given"));
        }
    }

    /// From outside only the webhooks can be reached.
    fn way_in(&mut self) {
        let backend = json!({"service": {"name": "ingest", "port": {"name": "http"}}});
        let paths = json!([{"path": "/webhooks/", "pathType": "Prefix", "backend": backend}]);
        for ingress in self.of_kind("Ingress").into_values() {
            self.same("ways in", &ingress["spec"]["rules"][0]["http"]["paths"], &paths);
        }
        for service in self.of_kind("Service").into_values() {
            self.same("targetPort", &service["spec"]["ports"][0]["targetPort"], &json!("http"));
        }
        let shut = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
        let is_shut = self.of_kind("NetworkPolicy").values().any(|policy| policy["spec"] == shut);
        self.expect(is_shut, "no NetworkPolicy shuts everything".into());
    }

    /// KEDA watches each work queue for the worker that consumes it, with the workers' credential, and asks for a metric that there is.
    fn scaling(&mut self) {
        let namespace = self.files["settings.env"].lines().find_map(|line| line.strip_prefix("AMQP_NAMESPACE="));
        let queues = Names::new(namespace.unwrap_or_default());
        let wanted = WORK_QUEUES.iter().map(|queue| (queues.work(queue.stage), queue.stage.worker()));
        let mut watched = BTreeMap::new();
        for (name, object) in self.of_kind("ScaledObject") {
            let formula = text(object, "/spec/advanced/scalingModifiers/formula");
            for trigger in list(object, "/spec/triggers") {
                let part = text(trigger, "/name");
                let is_used = formula.split(|c: char| !c.is_alphanumeric()).any(|word| word == part);
                self.expect(is_used || formula.is_empty(), format!("{name}: {part:?} is not in the formula"));
                match text(trigger, "/type") {
                    "metrics-api" => self.asked(name, &trigger["metadata"]),
                    _ => {
                        self.watched(name, trigger);
                        let queue = text(trigger, "/metadata/queueName").to_owned();
                        watched.insert(queue, text(object, "/spec/scaleTargetRef/name"));
                    }
                }
            }
        }
        self.same("queues that KEDA looks at", &json!(watched), &json!(BTreeMap::from_iter(wanted)));
    }

    fn watched(&mut self, name: &str, trigger: &Value) {
        let (queue, value) = (text(trigger, "/metadata/queueName"), text(trigger, "/metadata/value"));
        let metadata = json!({"protocol": "amqp", "queueName": queue, "mode": "QueueLength", "value": value});
        let mut how = json!({"type": "rabbitmq", "metadata": metadata, "authenticationRef": {"name": "broker"}});
        if !trigger["name"].is_null() {
            how["name"] = trigger["name"].clone();
        }
        self.same(&format!("{name}: trigger"), trigger, &how);
    }

    /// The Service of that worker, which all of these have, gives the metric.
    fn asked(&mut self, name: &str, metadata: &Value) {
        let service = self.of_kind("Service").get(name).copied();
        let port = service.map_or(&Value::Null, |service| &service["spec"]["ports"][0]["port"]);
        let url = json!(format!("http://{name}.callbridge.svc:{port}/metrics"));
        self.same(&format!("{name}: url"), &metadata["url"], &url);
        self.same(&format!("{name}: format"), &metadata["format"], &json!("prometheus"));
        let metric = text(metadata, "/valueLocation").split('{').next().unwrap_or_default();
        let is_there = METRICS.iter().any(|known| known.name == metric);
        self.expect(is_there, format!("{name}: {metric} is no metric"));
    }
}

/// The names of `NAME=value`, including those that are commented out.
fn names(text: &str) -> BTreeSet<&str> {
    let names = text.lines().filter_map(|line| Some(line.trim_start_matches("# ").split_once('=')?.0));
    names.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect()
}

/// The default of a setting, which may be empty; `None` if there is no such setting.
fn setting(name: &str) -> Option<String> {
    Settings::names().into_iter().find(|(known, _)| known == name).map(|(_, default)| default.unwrap_or_default())
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
