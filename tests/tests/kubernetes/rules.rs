//! What no schema knows: that the manifests fit each other, and fit Callbridge.

use std::collections::{BTreeMap, BTreeSet};

use base::{ids::Stage, settings::Settings};
use broker::topology::{Names, WORK_QUEUES};
use serde_json::{Value, json};

use crate::manifests::{Document, Manifests, Pod, container, labels, list, of_kind, pods, selected, text};

const SETTINGS: &str = "settings.env";
const SECRETS: &str = "secrets.env.example";
/// From SIGTERM to the end of a worker, whatever still runs.
const LONGEST_STOP_S: i64 = 9;

/// Who consumes a stage's queue.
const CONSUMERS: [(Stage, &str); 4] = [
    (Stage::Cards, "resolver"),
    (Stage::Resolver, "resolver"),
    (Stage::Logger, "logger"),
    (Stage::Insights, "insights"),
];

pub(crate) fn problems(manifests: &Manifests, documents: &[Document]) -> Vec<String> {
    let pods = pods(documents);
    let mut problems = files(manifests, documents);
    problems.extend(settings(manifests));
    problems.extend(overlay(manifests, documents));
    for deployment in of_kind(documents, "Deployment") {
        let found = [environment(manifests, deployment), ports(deployment), restricted(deployment), ending(deployment)];
        problems.extend(found.concat().into_iter().map(|problem| format!("{}: {problem}", deployment.title())));
    }
    problems.extend(selectors(documents, &pods));
    problems.extend(policies(documents, &pods));
    problems.extend(budgets(documents, &pods));
    problems.extend(scaling(manifests, documents));
    problems.extend(way_in(documents, &pods));
    problems
}

/// Every file of `base` is applied, and no other is named.
fn files(manifests: &Manifests, documents: &[Document]) -> Vec<String> {
    let kustomization = documents.iter().find(|document| document.file == "base/kustomization.yaml");
    let named = kustomization.map_or(&[][..], |document| list(&document.value, "/resources"));
    let named: BTreeSet<_> = named.iter().filter_map(Value::as_str).collect();
    let there = manifests.files().filter_map(|file| file.strip_prefix("base/"));
    let there: BTreeSet<_> = there.filter(|file| *file != "kustomization.yaml").collect();
    there
        .symmetric_difference(&named)
        .map(|file| format!("base/{file}: named by kustomization.yaml, and there?"))
        .collect()
}

/// What the outer kustomization sets is there to be set.
fn overlay(manifests: &Manifests, documents: &[Document]) -> Vec<String> {
    let Some(outer) = documents.iter().find(|document| document.file == "kustomization.yaml") else {
        return vec!["there is no kustomization.yaml".into()];
    };
    let outer = &outer.value;
    let mut problems = Vec::new();
    for patch in list(outer, "/patches") {
        let (kind, name) = (text(patch, "/target/kind"), text(patch, "/target/name"));
        let target = of_kind(documents, kind).find(|document| document.name() == name);
        let Ok(steps) = serde_saphyr::from_str::<Vec<Value>>(text(patch, "/patch")) else {
            problems.push(format!("kustomization.yaml: the patch of {kind} {name} cannot be read"));
            continue;
        };
        for path in steps.iter().map(|step| text(step, "/path")) {
            if target.and_then(|target| target.value.pointer(path)).is_none() {
                problems.push(format!("kustomization.yaml: {kind} {name} has no {path}"));
            }
        }
    }
    let generated = |list_name: &str| {
        let generators = list(outer, list_name).iter();
        generators.map(|made| (text(made, "/name").to_owned(), made["envs"].clone())).collect::<Vec<_>>()
    };
    let namespace = text(outer, "/replacements/0/source/fieldPath").strip_prefix("data.").unwrap_or_default();
    let facts = [
        ("names our image", text(outer, "/images/0/name") == "callbridge"),
        ("makes settings", generated("/configMapGenerator") == [("settings".to_owned(), json!(["settings.env"]))]),
        ("makes secrets", generated("/secretGenerator") == [("secrets".to_owned(), json!(["secrets.env"]))]),
        ("gives KEDA the namespace of the queues", namespace == "AMQP_NAMESPACE"),
        ("has a namespace of the queues", manifests.settings(SETTINGS).contains_key(namespace)),
    ];
    let wrong = facts.into_iter().filter(|(_, holds)| !holds);
    problems.extend(wrong.map(|(fact, _)| format!("kustomization.yaml: it is not so that it {fact}")));
    problems
}

/// Nothing is set that no worker reads.
fn settings(manifests: &Manifests) -> Vec<String> {
    let known: BTreeSet<_> = Settings::names().into_iter().map(|(name, _)| name).collect();
    let of_file = |file| manifests.settings(file).into_keys().map(move |name| (file, name));
    let unknown = of_file(SETTINGS).chain(of_file(SECRETS)).filter(|(_, name)| !known.contains(name));
    unknown.map(|(file, name)| format!("{file}: {name} is no setting")).collect()
}

fn environment(manifests: &Manifests, deployment: &Document) -> Vec<String> {
    let known: BTreeSet<_> = Settings::names().into_iter().map(|(name, _)| name).collect();
    let secrets = manifests.settings(SECRETS);
    let mut problems = Vec::new();
    for variable in list(container(deployment), "/env") {
        let name = text(variable, "/name");
        if !known.contains(name) {
            problems.push(format!("{name} is no setting"));
        }
        let Some(secret) = variable.pointer("/valueFrom/secretKeyRef") else { continue };
        let key = text(secret, "/key");
        let is_optional = secret["optional"] == json!(true);
        match text(secret, "/name") {
            "secrets" if key != name => problems.push(format!("{name} is read from {key}")),
            "secrets" if secrets.get(key).is_none_or(|(_, holds)| !holds && !is_optional) => {
                problems.push(format!("{SECRETS} does not ask for {key}"));
            }
            "broker-default-user" if (name, key) != ("AMQP_URL", "connection_string") => {
                problems.push(format!("{name} is read from the broker's {key}"));
            }
            "secrets" | "broker-default-user" => {}
            other => problems.push(format!("there is no Secret {other}")),
        }
    }
    for name in ["AMQP_URL", "DATABASE_URL"] {
        // They have defaults, so it would start, and wait for ever.
        if !list(container(deployment), "/env").iter().any(|variable| text(variable, "/name") == name) {
            problems.push(format!("{name} is not given"));
        }
    }
    let sources: Vec<_> =
        list(container(deployment), "/envFrom").iter().map(|s| text(s, "/configMapRef/name")).collect();
    if sources != ["settings"] {
        problems.push("the ConfigMap settings is not what it reads".into());
    }
    problems
}

/// Workers listen where they do unless told otherwise, and the console where it is told to.
fn ports(deployment: &Document) -> Vec<String> {
    let container = container(deployment);
    let told = |name: &str| {
        let variable = list(container, "/env").iter().find(|variable| text(variable, "/name") == name);
        variable.map(|variable| text(variable, "/value").to_owned())
    };
    let default = |name: &str| Settings::names().into_iter().find(|(n, _)| n == name).and_then(|(_, default)| default);
    let name = if deployment.name() == "console" { "CONSOLE_LISTEN" } else { "HTTP_LISTEN" };
    let listens = told(name).or_else(|| default(name)).unwrap_or_default();
    let ports = list(container, "/ports");
    let mut problems = Vec::new();
    match ports {
        [port] if listens == format!("0.0.0.0:{}", port["containerPort"]) => {}
        _ => problems.push(format!("it listens on {listens}, and its ports are {ports:?}")),
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let port = text(container, &format!("/{probe}/httpGet/port"));
        if !ports.iter().any(|known| text(known, "/name") == port) {
            problems.push(format!("{probe} asks a port that is not there: {port:?}"));
        }
    }
    let scraped = deployment.value.pointer("/spec/template/metadata/annotations/prometheus.io~1port");
    if scraped.and_then(Value::as_str).is_some_and(|port| !listens.ends_with(&format!(":{port}"))) {
        problems.push(format!("Prometheus asks {scraped:?}"));
    }
    problems
}

/// What the Pod Security Standard `restricted` asks for, and a little more.
fn restricted(deployment: &Document) -> Vec<String> {
    let pod = deployment.value.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    let container = container(deployment);
    let facts = [
        ("runs as 10001", pod["securityContext"]["runAsUser"] == 10001),
        ("must not run as root", pod["securityContext"]["runAsNonRoot"] == true),
        (
            "has the runtime's seccomp profile",
            pod["securityContext"]["seccompProfile"] == json!({"type": "RuntimeDefault"}),
        ),
        ("gets no token of the cluster", pod["automountServiceAccountToken"] == false),
        ("gets no addresses of services as settings", pod["enableServiceLinks"] == false),
        ("gains no privileges", container["securityContext"]["allowPrivilegeEscalation"] == false),
        ("writes nowhere", container["securityContext"]["readOnlyRootFilesystem"] == true),
        ("has no capabilities", container["securityContext"]["capabilities"] == json!({"drop": ["ALL"]})),
        ("is one container of our image", container["image"] == "callbridge" && list(pod, "/containers").len() == 1),
        ("asks for memory", container["resources"]["requests"]["memory"].is_string()),
        ("has a limit of memory", container["resources"]["limits"]["memory"].is_string()),
        ("is not slowed down", container["resources"]["limits"]["cpu"].is_null()),
        ("is not restarted for not being ready", container["livenessProbe"]["httpGet"]["path"] != "/readyz"),
    ];
    facts.into_iter().filter(|(_, holds)| !holds).map(|(fact, _)| format!("it is not so that it {fact}")).collect()
}

fn ending(deployment: &Document) -> Vec<String> {
    let waits = container(deployment).pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_i64).unwrap_or(0);
    let granted = deployment.value.pointer("/spec/template/spec/terminationGracePeriodSeconds").and_then(Value::as_i64);
    let problem = format!("it is killed after {granted:?} s, and needs {waits} + {LONGEST_STOP_S}");
    if granted.unwrap_or(0) > waits + LONGEST_STOP_S { Vec::new() } else { vec![problem] }
}

/// Whoever selects, selects somebody, and a Deployment its own pods.
fn selectors(documents: &[Document], pods: &[Pod]) -> Vec<String> {
    let mut problems = Vec::new();
    for document in documents {
        let spec = &document.value["spec"];
        let (selector, own) = match document.kind() {
            "Deployment" => (spec["selector"].clone(), true),
            "Service" => (json!({"matchLabels": labels(spec, "/selector")}), true),
            "PodDisruptionBudget" => (spec["selector"].clone(), true),
            "NetworkPolicy" => (spec["podSelector"].clone(), false),
            _ => continue,
        };
        let names: Vec<_> = selected(pods, &selector).into_iter().map(|pod| pod.name.as_str()).collect();
        if names.is_empty() || own && names != [document.name()] {
            problems.push(format!("{}: it selects {names:?}", document.title()));
        }
    }
    for document in documents {
        let spread = list(&document.value, "/spec/template/spec/topologySpreadConstraints");
        let apart =
            list(&document.value, "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution");
        for rule in spread.iter().chain(apart) {
            let names: Vec<_> =
                selected(pods, &rule["labelSelector"]).into_iter().map(|pod| pod.name.as_str()).collect();
            if names != [document.name()] {
                problems.push(format!("{}: it keeps away from {names:?}", document.title()));
            }
        }
    }
    problems
}

/// Everything is shut, and what is opened is there: a port of whom the policy is for, a pod that may come.
fn policies(documents: &[Document], pods: &[Pod]) -> Vec<String> {
    let mut problems = Vec::new();
    let shut = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
    if !of_kind(documents, "NetworkPolicy").any(|policy| policy.value["spec"] == shut) {
        problems.push("no NetworkPolicy shuts everything".into());
    }
    for policy in of_kind(documents, "NetworkPolicy") {
        let spec = &policy.value["spec"];
        for (rules, peers, type_name) in [("/ingress", "/from", "Ingress"), ("/egress", "/to", "Egress")] {
            if !list(spec, rules).is_empty() && !list(spec, "/policyTypes").contains(&json!(type_name)) {
                problems.push(format!("{}: {type_name} is not among its types", policy.title()));
            }
            for rule in list(spec, rules) {
                let ours = list(rule, peers).iter().filter_map(|peer| peer.get("podSelector"));
                let mut targets: Vec<_> = Vec::new();
                for peer in ours {
                    let met = selected(pods, peer);
                    if met.is_empty() {
                        problems.push(format!("{}: {peer} is nobody", policy.title()));
                    }
                    targets.extend(met);
                }
                let targets = if type_name == "Ingress" { selected(pods, &spec["podSelector"]) } else { targets };
                for port in list(rule, "/ports").iter().filter_map(|port| port["port"].as_i64()) {
                    if let Some(pod) = targets.iter().find(|pod| !pod.ports.values().any(|known| *known == port)) {
                        problems.push(format!("{}: {} has no port {port}", policy.title(), pod.name));
                    }
                }
            }
        }
    }
    problems
}

/// All but the console go one at a time.
fn budgets(documents: &[Document], pods: &[Pod]) -> Vec<String> {
    let kept: BTreeSet<_> = of_kind(documents, "PodDisruptionBudget").map(Document::name).collect();
    let wanted: BTreeSet<_> = pods.iter().map(|pod| pod.name.as_str()).filter(|name| *name != "console").collect();
    kept.symmetric_difference(&wanted).map(|name| format!("{name}: has it one PodDisruptionBudget?")).collect()
}

/// KEDA looks at each work queue for the worker that consumes it, with the credential that the workers have.
fn scaling(manifests: &Manifests, documents: &[Document]) -> Vec<String> {
    let mut problems = Vec::new();
    let namespace = manifests.settings(SETTINGS).remove("AMQP_NAMESPACE").map(|(value, _)| value).unwrap_or_default();
    let names = Names::new(namespace);
    let stages = WORK_QUEUES.iter().map(|queue| queue.stage);
    let consumer = |stage| CONSUMERS.iter().find(|(known, _)| *known == stage).map_or("nobody", |(_, who)| who);
    let wanted: BTreeMap<_, _> = stages.map(|stage| (names.work(stage), consumer(stage).to_owned())).collect();
    let keys: BTreeMap<_, _> = of_kind(documents, "TriggerAuthentication")
        .map(|keys| (keys.name(), &keys.value["spec"]["secretTargetRef"]))
        .collect();
    let same = json!([{"parameter": "host", "name": "broker-default-user", "key": "connection_string"}]);
    let mut watched = BTreeMap::new();
    for object in of_kind(documents, "ScaledObject") {
        let spec = &object.value["spec"];
        let target = text(spec, "/scaleTargetRef/name");
        match of_kind(documents, "Deployment").find(|deployment| deployment.name() == target) {
            None => problems.push(format!("{}: there is no Deployment {target}", object.title())),
            Some(deployment) if deployment.value["spec"].get("replicas").is_some() => {
                problems.push(format!(
                    "{}: {target} has replicas of its own, so each apply undoes the scaling",
                    object.title()
                ));
            }
            Some(_) => {}
        }
        let bounds = (spec["minReplicaCount"].as_i64().unwrap_or(0), spec["maxReplicaCount"].as_i64().unwrap_or(0));
        if bounds.0 < 1 || bounds.1 < bounds.0 {
            problems.push(format!("{}: from {} to {}", object.title(), bounds.0, bounds.1));
        }
        for trigger in list(spec, "/triggers") {
            let metadata = &trigger["metadata"];
            watched.insert(text(metadata, "/queueName").to_owned(), target.to_owned());
            let how = (text(trigger, "/type"), text(metadata, "/protocol"), text(metadata, "/mode"));
            let value = text(metadata, "/value").parse::<u32>().unwrap_or(0);
            if how != ("rabbitmq", "amqp", "QueueLength") || value == 0 {
                problems.push(format!("{}: a trigger of {how:?} at {value}", object.title()));
            }
            if keys.get(text(trigger, "/authenticationRef/name")) != Some(&&same) {
                problems.push(format!("{}: its credential is not that of the workers", object.title()));
            }
        }
    }
    if watched != wanted {
        problems.push(format!("KEDA looks at {watched:?}, the queues are {wanted:?}"));
    }
    problems
}

/// From outside only the webhooks can be reached, and they can.
fn way_in(documents: &[Document], pods: &[Pod]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut paths = Vec::new();
    for ingress in of_kind(documents, "Ingress") {
        for path in list(&ingress.value, "/spec/rules").iter().flat_map(|rule| list(rule, "/http/paths")) {
            paths.push((text(path, "/path"), text(path, "/pathType")));
            let (service, port) = (text(path, "/backend/service/name"), text(path, "/backend/service/port/name"));
            let target = of_kind(documents, "Service").find(|document| document.name() == service);
            let ports = target.map_or(&[][..], |service| list(&service.value, "/spec/ports"));
            if !ports.iter().any(|known| text(known, "/name") == port) {
                problems.push(format!("{}: no Service {service} with a port {port}", ingress.title()));
            }
        }
    }
    if paths != [("/webhooks/", "Prefix")] {
        problems.push(format!("the ways in are {paths:?}"));
    }
    for service in of_kind(documents, "Service") {
        let behind = selected(pods, &json!({"matchLabels": labels(&service.value, "/spec/selector")}));
        for port in list(&service.value, "/spec/ports").iter().map(|port| text(port, "/targetPort")) {
            if !behind.iter().all(|pod| pod.ports.contains_key(port)) {
                problems.push(format!("{}: its pods have no port {port:?}", service.title()));
            }
        }
    }
    problems
}
