//! The manifests of `deploy/kubernetes`: whether Kubernetes would take them, whether they fit each other and Callbridge,
//! and whether what they start starts. No cluster is needed.

mod manifests;
mod rules;
mod running;
mod strict;

use anyhow::Context;
use manifests::Manifests;

fn problems(manifests: &Manifests) -> Vec<String> {
    let documents = match manifests.documents() {
        Ok(documents) => documents,
        Err(problems) => return problems,
    };
    let mut problems = strict::problems(&documents);
    problems.extend(rules::problems(manifests, &documents));
    problems
}

#[test]
fn the_manifests_are_right() {
    assert_eq!(problems(&Manifests::read().unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn what_they_start_starts() -> anyhow::Result<()> {
    running::all(&Manifests::read()?).await
}

#[tokio::test]
async fn without_a_secret_that_it_needs_none_starts() -> anyhow::Result<()> {
    for (file, line) in [
        ("base/ingest.yaml", "AIRCALL_WEBHOOK_TOKENS"),
        ("base/resolver.yaml", "SELLSY_CLIENT_ID"),
        ("base/logger.yaml", "SELLSY_CLIENT_SECRET"),
        ("base/insights.yaml", "AIRCALL_API_TOKEN"),
        ("base/console.yaml", "CONSOLE_PASSWORD"),
    ] {
        let (from, to) = (format!("- name: {line}\n"), "- name: SELLSY_WEBHOOK_SECRET\n");
        let without = Manifests::read()?.with(file, &from, to);
        let said = running::refusal(&without, file).await.with_context(|| format!("{file} without {line}"))?;
        assert!(said.contains(&format!("{line} is missing")), "{said}");
    }
    Ok(())
}

/// What is easily got wrong (file, what stands there, what stands there instead), and what must be said of it.
const MISTAKES: [(&str, &str, &str, &str); 47] = [
    // What Kubernetes or kustomize would say, or silently drop.
    ("base/ingest.yaml", "readinessProbe:", "readynessProbe:", "readynessProbe"),
    ("base/ingest.yaml", "containerPort: 8080", "containerPort: '8080'", "invalid type"),
    ("base/ingest.yaml", "maxUnavailable: 0", "maxUnavailabel: 0", "maxUnavailabel is no field"),
    ("base/logger.yaml", "apiVersion: apps/v1", "apiVersion: apps/v2", "apps/v2 is not known"),
    ("base/network.yaml", "namespaceSelector:", "namespaceSelectr:", "namespaceSelectr is no field"),
    ("base/broker.yaml", "storage: 10Gi", "size: 10Gi", "unknown field `size`"),
    ("base/broker.yaml", "parameter: host", "param: host", "unknown field `param`"),
    ("base/logger.yaml", "maxReplicaCount", "maxReplicas", "unknown field `maxReplicas`"),
    ("base/logger.yaml", "value: \"100\"", "value: 100", "invalid type"),
    ("base/logger.yaml", "kind: Deployment", "kind: Deployment\nkind: Deployment", "logger.yaml"),
    // What does not fit Callbridge.
    ("settings.env", "TIME_ZONE", "TIMEZONE", "TIMEZONE is no setting"),
    ("secrets.env.example", "SELLSY_CLIENT_ID=", "SELLSY_ID=", "does not ask for SELLSY_CLIENT_ID"),
    ("secrets.env.example", "CONSOLE_PASSWORD=", "# CONSOLE_PASSWORD=", "does not ask for CONSOLE_PASSWORD"),
    ("base/logger.yaml", "name: DATABASE_URL\n", "name: DATABASE\n", "DATABASE is no setting"),
    ("base/logger.yaml", "name: DATABASE_URL\n", "name: LOG_FALLBACK\n", "DATABASE_URL is not given"),
    ("base/logger.yaml", "key: SELLSY_CLIENT_ID", "key: SELLSY_CLIENT_SECRET", "is read from"),
    ("base/logger.yaml", "name: broker-default-user", "name: broker", "no Secret broker"),
    ("base/logger.yaml", "configMapRef: { name: settings }", "configMapRef: { name: setting }", "is not what it reads"),
    ("base/logger.yaml", "queueName: callbridge.logger", "queueName: callbridge.log", "KEDA looks at"),
    ("base/insights.yaml", "queueName: callbridge.insights", "queueName: callbridge.cards", "KEDA looks at"),
    ("settings.env", "AMQP_NAMESPACE=callbridge", "AMQP_NAMESPACE=other", "KEDA looks at"),
    ("base/resolver.yaml", "authenticationRef: { name: broker }", "authenticationRef: { name: b }", "credential"),
    ("base/resolver.yaml", "revisionHistoryLimit: 3", "replicas: 3", "undoes the scaling"),
    ("base/resolver.yaml", "maxReplicaCount: 4", "maxReplicaCount: 1", "from 2 to 1"),
    ("base/resolver.yaml", "scaleTargetRef: { name: resolver }", "scaleTargetRef: { name: r }", "no Deployment r"),
    // What does not fit together.
    ("kustomization.yaml", "/spec/rules/0/host", "/spec/rules/0/hosts", "has no /spec/rules/0/hosts"),
    ("kustomization.yaml", "name: webhooks", "name: webhook", "Ingress webhook has no"),
    ("kustomization.yaml", "- name: callbridge\n", "- name: app\n", "names our image"),
    ("kustomization.yaml", "envs: [secrets.env]", "envs: [secret.env]", "makes secrets"),
    ("base/kustomization.yaml", "  - network.yaml\n", "", "base/network.yaml"),
    ("base/ingest.yaml", "containerPort: 8080", "containerPort: 8081", "listens on 0.0.0.0:8080"),
    ("base/console.yaml", "0.0.0.0:8090", "0.0.0.0:8091", "listens on 0.0.0.0:8091"),
    ("base/ingest.yaml", "targetPort: http", "targetPort: web", "no port \"web\""),
    ("base/ingest.yaml", "port: { name: http }", "port: { name: web }", "with a port web"),
    ("base/ingest.yaml", "path: /webhooks/", "path: /", "the ways in are"),
    (
        "base/ingest.yaml",
        "port: http }\n            periodSeconds: 10",
        "port: web }\n            periodSeconds: 10",
        "livenessProbe",
    ),
    ("base/ingest.yaml", "prometheus.io/port: \"8080\"", "prometheus.io/port: \"80\"", "Prometheus asks"),
    ("base/ingest.yaml", "terminationGracePeriodSeconds: 20", "terminationGracePeriodSeconds: 14", "needs 5 + 9"),
    ("base/network.yaml", "component: ingest", "component: ingress", "it selects []"),
    ("base/network.yaml", "port: 8080", "port: 8081", "has no port 8081"),
    ("base/network.yaml", "port: 5672", "port: 5671", "has no port 5671"),
    ("base/network.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "shuts everything"),
    (
        "base/broker.yaml",
        "kind: PodDisruptionBudget\nmetadata:\n  name: broker",
        "kind: PodDisruptionBudget\nmetadata:\n  name: b",
        "PodDisruptionBudget b",
    ),
    // What the namespace would refuse, or should.
    ("base/insights.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "writes nowhere"),
    ("base/insights.yaml", "drop: [ALL]", "drop: [NET_RAW]", "capabilities"),
    ("base/insights.yaml", "runAsUser: 10001", "runAsUser: 0", "runs as 10001"),
    (
        "base/insights.yaml",
        "path: /healthz, port: http }\n            periodSeconds: 10",
        "path: /readyz, port: http }\n            periodSeconds: 10",
        "restarted",
    ),
];

#[test]
fn every_mistake_is_noticed() {
    let manifests = Manifests::read().unwrap();
    for (file, from, to, expected) in MISTAKES {
        let found = problems(&manifests.with(file, from, to));
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{file}: {to:?} instead of {from:?}: {found:?}"
        );
    }
}
