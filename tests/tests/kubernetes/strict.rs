//! Whether Kubernetes and the operators would take a document, field by field.
//!
//! Kubernetes drops a field that it does not know, and a probe with a slip in its name is no probe. So each document is
//! read into its type and written out again: what is lost or changed on the way is not in the type, and what appears
//! was missing. For Kubernetes the types are those that k8s-openapi makes from its OpenAPI document. Those of the custom
//! resources are below, with the fields that we use and no others, as KEDA 2.20 and the RabbitMQ Cluster Operator 2.22
//! define them: whoever uses another field looks it up there and adds it here.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Affinity, Namespace, ResourceRequirements, Service},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::manifests::{Document, text};

pub(crate) fn problems(documents: &[Document]) -> Vec<String> {
    let problem = |document: &Document| {
        let problem = check(&document.value).err()?;
        Some(format!("{}: {}: {problem}", document.file, document.title()))
    };
    documents.iter().filter_map(problem).collect()
}

fn check(value: &Value) -> Result<(), String> {
    match (text(value, "/apiVersion"), text(value, "/kind")) {
        ("v1", "Namespace") => exact::<Namespace>(value),
        ("v1", "Service") => exact::<Service>(value),
        ("apps/v1", "Deployment") => exact::<Deployment>(value),
        ("networking.k8s.io/v1", "Ingress") => exact::<Ingress>(value),
        ("networking.k8s.io/v1", "NetworkPolicy") => exact::<NetworkPolicy>(value),
        ("policy/v1", "PodDisruptionBudget") => exact::<PodDisruptionBudget>(value),
        ("keda.sh/v1alpha1", "ScaledObject") => exact::<Custom<ScaledObject>>(value),
        ("keda.sh/v1alpha1", "TriggerAuthentication") => exact::<Custom<TriggerAuthentication>>(value),
        ("rabbitmq.com/v1beta1", "RabbitmqCluster") => exact::<Custom<RabbitmqCluster>>(value),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization") => exact::<Kustomization>(value),
        (version, kind) => Err(format!("{kind} of {version} is not known here")),
    }
}

fn exact<T: DeserializeOwned + Serialize>(value: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    let back = serde_json::to_value(&typed).map_err(|e| e.to_string())?;
    difference(value, &back, "").map_or(Ok(()), Err)
}

fn difference(ours: &Value, theirs: &Value, at: &str) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            if let Some(missing) = b.keys().find(|key| !a.contains_key(*key)) {
                return Some(format!("{at}/{missing} is missing"));
            }
            a.iter().find_map(|(key, value)| match b.get(key) {
                Some(other) => difference(value, other, &format!("{at}/{key}")),
                None => Some(format!("{at}/{key} is no field")),
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| difference(a, b, &format!("{at}/{i}")))
        }
        _ => (ours != theirs).then(|| format!("{at} is {ours}, and read as {theirs}")),
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Custom<T> {
    api_version: String,
    kind: String,
    metadata: Named,
    spec: T,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScaledObject {
    scale_target_ref: Named,
    min_replica_count: i32,
    max_replica_count: i32,
    triggers: Vec<Trigger>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trigger {
    #[serde(rename = "type")]
    kind: String,
    metadata: RabbitmqTrigger,
    authentication_ref: Named,
}

/// All of them are texts, numbers too.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RabbitmqTrigger {
    protocol: String,
    queue_name: String,
    mode: String,
    value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TriggerAuthentication {
    secret_target_ref: Vec<SecretTarget>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SecretTarget {
    parameter: String,
    name: String,
    key: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RabbitmqCluster {
    replicas: i32,
    persistence: Persistence,
    resources: ResourceRequirements,
    rabbitmq: Rabbitmq,
    affinity: Affinity,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Persistence {
    storage: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rabbitmq {
    additional_config: String,
}

/// Of kustomize, which refuses what it does not know by itself.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    api_version: String,
    kind: String,
    resources: Vec<String>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}
