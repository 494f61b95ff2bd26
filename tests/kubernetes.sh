#!/usr/bin/env bash
# The installation of deploy/kubernetes in a cluster of kind, under load, while a node of the broker and the primary of the database are lost.
#
# It makes a cluster of its own, installs the operators that deploy/kubernetes/README.md names, applies the manifests with the sandbox in place of Aircall and Sellsy, and plays
# calls. Meanwhile a node of the broker, the primary of the database and a logger are killed. At the end it asks the sandbox, as tests/compose.sh does. The exit code is 0 only if
# everything is right.
#
# Needs Docker, kind, kubectl and helm, the internet, and some 10 GB of memory. CALLS, SECONDS_OF_LOAD and SEED change the load; KEEP=1 leaves the cluster.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

calls=${CALLS:-300} load=${SECONDS_OF_LOAD:-150} seed=${SEED:-$RANDOM}
logs=target/kubernetes
target=${CARGO_TARGET_DIR:-target}/debug
cluster=callbridge-test-$$
# The versions that deploy/kubernetes/README.md names.
keda=2.20.2 rabbitmq=v2.22.3 cnpg=1.30.0 cert_manager=v1.18.2
export KUBECONFIG=$PWD/$logs/kubeconfig

say() { printf '%s kubernetes: %s\n' "$(date +%T)" "$*" >&2; }
die() { say "$*" && exit 1; }
ours() { kubectl -n callbridge "$@"; }
database() { kubectl -n callbridge-database "$@"; }

persistently() { # COMMAND...
  local until=$((SECONDS + 120))
  until "$@"; do ((SECONDS < until)) || return 1; sleep 5; done
}

player= forward=
finish() {
  local code=$?
  trap - EXIT INT TERM
  [[ -z $player ]] || kill "$player" 2>/dev/null || true
  [[ -z $forward ]] || kill "$forward" 2>/dev/null || true
  if ((code != 0)); then
    kubectl get pods -A -o wide >"$logs/pods.log" 2>&1 || true
    kubectl get events -A --sort-by=.lastTimestamp >"$logs/events.log" 2>&1 || true
    ours logs -l app.kubernetes.io/name=callbridge --all-containers --prefix --tail=-1 >"$logs/workers.log" 2>&1 || true
    say "FAILED; the logs are in $logs"
  fi
  if [[ ${KEEP:-} == 1 ]]; then
    say "the cluster is left: export KUBECONFIG=$KUBECONFIG; kind delete cluster --name $cluster ends it"
  else
    kind delete cluster --name "$cluster" >/dev/null 2>&1 || say "the cluster $cluster could not be removed"
  fi
  exit "$code"
}

for tool in docker kind kubectl helm; do command -v "$tool" >/dev/null || die "$tool is not installed"; done
mkdir -p "$logs"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "making the cluster, the image and the player"
kind create cluster --name "$cluster" --config tests/manifests/kind/kind.yaml --wait 180s
docker build -q -t callbridge-test:test . >/dev/null
kind load docker-image callbridge-test:test --name "$cluster"
cargo build --workspace --bins --locked --quiet

say "installing the operators"
kubectl apply -f "https://github.com/cert-manager/cert-manager/releases/download/$cert_manager/cert-manager.yaml" >/dev/null
kubectl -n cert-manager wait deployment --all --for=condition=Available --timeout=300s
# Available, cert-manager may still lack the certificate of its own webhook.
persistently kubectl apply -f "https://github.com/rabbitmq/cluster-operator/releases/download/$rabbitmq/cluster-operator.yml" >/dev/null
persistently kubectl apply --server-side -f "https://raw.githubusercontent.com/cloudnative-pg/cloudnative-pg/release-${cnpg%.*}/releases/cnpg-$cnpg.yaml" >/dev/null
helm install keda keda --repo https://kedacore.github.io/charts --version "$keda" --namespace keda --create-namespace --wait >/dev/null
for namespace in rabbitmq-system cnpg-system; do kubectl -n "$namespace" wait deployment --all --for=condition=Available --timeout=300s; done

say "applying deploy/kubernetes/database"
kubectl apply -k deploy/kubernetes/database
database wait cluster/postgres --for=condition=Ready --timeout=600s
kubectl create namespace callbridge
database get secret postgres-ca -o jsonpath='{.data.ca\.crt}' | base64 -d >"$logs/ca.crt"
ours create configmap database-ca --from-file="$logs/ca.crt"
password=$(database get secret postgres-app -o jsonpath='{.data.password}' | base64 -d)

say "applying deploy/kubernetes with the sandbox"
# As deep as the folder it is copied from, because its resources are named by their relative path.
applied=$logs/applied
rm -rf "$applied"
cp -r tests/manifests/kind "$applied"
cat >"$applied/secrets.env" <<EOF
DATABASE_URL=postgres://callbridge:$password@postgres-rw.callbridge-database:5432/callbridge?sslmode=verify-full&sslrootcert=/etc/callbridge/database/ca.crt
AIRCALL_API_ID=sandbox-aircall-id
AIRCALL_API_TOKEN=sandbox-aircall-token
AIRCALL_WEBHOOK_TOKENS=sandbox-webhook-token
SELLSY_CLIENT_ID=sandbox-sellsy-client
SELLSY_CLIENT_SECRET=sandbox-sellsy-secret
CONSOLE_PASSWORD=sandbox-password
EOF
kubectl apply -k "$applied"
rm "$applied/secrets.env"
ours wait rabbitmqcluster/broker --for=condition=AllReplicasReady --timeout=600s
# Three pods that are ready may be three brokers.
nodes=$(ours exec broker-server-0 -c rabbitmq -- rabbitmqctl -q --formatter json cluster_status | tr -d ' \n' | grep -o '"running_nodes":\[[^]]*\]' | grep -o 'rabbit@' | wc -l)
((nodes == 3)) || die "the broker has $nodes nodes, not three"
for worker in sandbox ingest resolver logger insights followups console; do ours rollout status "deployment/$worker" --timeout=300s; done
ours wait scaledobject --all --for=condition=Ready --timeout=180s

ours port-forward deployment/sandbox 18091:8090 >"$logs/forward.log" 2>&1 &
forward=$!
until curl -fsS http://127.0.0.1:18091/_sandbox/health >/dev/null 2>&1; do
  kill -0 "$forward" || { cat "$logs/forward.log" >&2 && die "the sandbox cannot be reached"; }
  sleep 1
done

say "playing $calls calls in $load s, seed $seed"
begins=$(date +%s)
play=("$target/play" http://127.0.0.1:18091 --calls "$calls" --seconds "$load" --seed "$seed" --begins "$begins" --patience 400)
"${play[@]}" >"$logs/play.log" 2>&1 &
player=$!
sleep 15
say "killing a logger"
ours delete "$(ours get pod -l app.kubernetes.io/component=logger -o name | head -n 1)" --grace-period=0 --force
sleep 15
say "killing a node of the broker"
ours delete pod broker-server-0 --grace-period=0 --force
sleep 30
primary=$(database get cluster postgres -o jsonpath='{.status.currentPrimary}')
say "killing the primary of the database, $primary"
database delete pod "$primary" --grace-period=0 --force
sleep 30
say "replacing all workers"
ours rollout restart deployment/ingest deployment/resolver deployment/logger deployment/insights deployment/followups
for worker in ingest resolver logger insights followups; do ours rollout status "deployment/$worker" --timeout=300s; done

say "waiting until everything has settled"
if wait "$player"; then player=; else
  player=
  cat "$logs/play.log" >&2
  die "not every call ended where it should"
fi
"${play[@]}" --judge >"$logs/judge.log" || { cat "$logs/judge.log" >&2 && die "something happened after all was well"; }
ours exec deployment/console -- callbridge check >"$logs/check.log" 2>&1 || say "callbridge check: $(grep -i -A1 'fail' "$logs/check.log" || true)"
echo "kubernetes ok: $(sed -n '$p' "$logs/judge.log"); a logger, a node of the broker and the primary ($primary) killed, all workers replaced; $SECONDS s in all"
