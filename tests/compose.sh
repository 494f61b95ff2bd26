#!/usr/bin/env bash
# The stack of docker-compose.yml with the sandbox, under load, while workers are killed and replaced.
#
# It builds the image, starts the stack with several replicas, plays a thousand calls, kills and restarts a logger and a
# resolver, and meanwhile replaces every worker with scripts/roll.sh. At the end it asks the sandbox: every call is logged
# exactly once, on the right record, with its final tags, notes and insights, and nothing else is there. The queues must be
# empty, with no dead letters. The last line has the figures; the exit code is 0 only if everything is right.
#
# Project, volumes and ports are separate, and .env is not read, so an installation on this machine is not touched.
# CALLS, SECONDS_OF_LOAD and SEED change the load; KEEP=1 leaves the stack running for inspection.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

calls=${CALLS:-1000} load=${SECONDS_OF_LOAD:-60} seed=${SEED:-$RANDOM}
logs=target/compose
target=${CARGO_TARGET_DIR:-target}/debug

# A project of its own, even if the caller's environment names another.
for name in $(env | sed -n 's/^\(COMPOSE_[A-Z_]*\|[A-Z]*_REPLICAS\|[A-Z]*_PASSWORD\)=.*/\1/p'); do unset "$name"; done
export COMPOSE_PROJECT_NAME=callbridge-test-$$ COMPOSE_FILE=$PWD/docker-compose.yml COMPOSE_PROFILES=sandbox
export COMPOSE_ENV_FILES=/dev/null ENV_FILE=/dev/null CALLBRIDGE_IMAGE=callbridge-test
export INGEST_PUBLISH=127.0.0.1:0 CONSOLE_PUBLISH=127.0.0.1:0 SANDBOX_PUBLISH=127.0.0.1:0 DOCKER_BUILDKIT=1

say() { printf '%s compose: %s\n' "$(date +%T)" "$*" >&2; }
die() { say "$*" && exit 1; }
now_ms() { date +%s%3N; }
compose() { docker compose --progress quiet "$@"; }
seconds() { printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100)); } # MILLISECONDS

player=
finish() {
  local code=$?
  trap - EXIT INT TERM
  [[ -z $player ]] || kill "$player" 2>/dev/null || true
  compose logs --no-color --timestamps >"$logs/stack.log" 2>&1 || true
  if [[ ${KEEP:-} == 1 ]]; then
    say "the stack is left up: export COMPOSE_PROJECT_NAME=$COMPOSE_PROJECT_NAME; docker compose --profile sandbox down -v ends it"
  else
    compose down -v --timeout 10 >/dev/null 2>&1 || say "the project $COMPOSE_PROJECT_NAME could not be removed"
  fi
  ((code == 0)) || say "FAILED; the logs are in $logs"
  exit "$code"
}

# Sets `ready` to the text of the report: each container, and how long after its start it was ready.
await_ready() {
  local id name started waited until=$((SECONDS + 90)) slowest=0
  ready=()
  for id in $(compose ps -q ingest resolver logger insights followups); do
    until docker exec "$id" callbridge ready >"$logs/ready" 2>&1; do
      ((SECONDS < until)) || die "not ready: $(docker inspect -f '{{.Name}}' "$id"): $(cat "$logs/ready")"
      sleep 0.1
    done
    started=$(date -d "$(docker inspect -f '{{.State.StartedAt}}' "$id")" +%s%3N)
    waited=$(($(now_ms) - started))
    name=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
    ready+=("$name $(seconds "$waited") s")
    ((waited < slowest)) || slowest=$waited
  done
  say "ready after its start: $(printf '%s, ' "${ready[@]}" | sed 's/, $//') (asked one after the other)"
  ready_ms=$slowest
}

# A crash, followed by the restart that a supervisor would do.
crash() { # SERVICE
  local id
  id=$(compose ps -q "$1" | sed -n 1p) # not head: Compose fails when nobody reads on
  docker kill -s KILL "$id" >/dev/null
  say "killed: $(docker inspect -f '{{.Name}}' "$id")"
  sleep 3
  docker start "$id" >/dev/null
}

# Waits until no message is left in any queue; dead letters do not count, because they never leave their queue.
await_empty_queues() {
  local until=$((SECONDS + 150)) left
  while :; do
    left=$(compose exec -T rabbitmq rabbitmqctl -q list_queues --no-table-headers name messages | awk '$2 > 0')
    [[ -n $left ]] || return 0
    ((SECONDS < until)) || die "still in the queues: $left"
    sleep 3
  done
}

mkdir -p "$logs"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "building the image and the player"
began=$(now_ms)
docker compose -f docker-compose.yml -f docker-compose.build.yml build ingest >"$logs/build.log" 2>&1 || { tail -40 "$logs/build.log" >&2 && die "the image could not be built"; }
built_ms=$(($(now_ms) - began))
cargo build --workspace --bins --locked --quiet
size_mb=$(($(docker image inspect -f '{{.Size}}' "$CALLBRIDGE_IMAGE") / 1000000))
say "the image has $size_mb MB; its build took $(seconds "$built_ms") s"

for profile in sandbox proxy observability; do docker compose --profile "$profile" config -q; done

say "bringing the stack up as $COMPOSE_PROJECT_NAME"
began=$(now_ms)
compose up -d --no-build --scale resolver=3 --scale logger=2 2>"$logs/up.log" || { cat "$logs/up.log" >&2 && die "it does not come up"; }
up_ms=$(($(now_ms) - began))
await_ready
sandbox=http://$(compose port sandbox 8090)

say "playing $calls calls in $load s, seed $seed, at $sandbox"
begins=$(date +%s)
play=("$target/play" "$sandbox" --calls "$calls" --seconds "$load" --seed "$seed" --begins "$begins")
"${play[@]}" >"$logs/play.log" 2>&1 &
player=$!
sleep 5
kill -0 "$player" || { cat "$logs/play.log" >&2 && die "no calls are played"; }
crash logger
crash resolver
rolled=$SECONDS
scripts/roll.sh
rolled=$((SECONDS - rolled))
rolled_at=$(($(date +%s) - begins))
((rolled_at <= load)) || say "the roll took longer than the load: its end was not tested (SECONDS_OF_LOAD=$rolled_at would)"

say "waiting until everything has settled"
if wait "$player"; then player=; else
  player=
  cat "$logs/play.log" >&2
  die "not every call ended where it should"
fi
await_empty_queues
"${play[@]}" --judge >"$logs/judge.log" || { cat "$logs/judge.log" >&2 && die "something happened after all was well"; }

there=$(compose ps --format '{{.Service}}' ingest resolver logger insights followups console | sort | uniq -c | awk '{printf "%s=%s ", $2, $1}')
[[ $there == "console=1 followups=1 ingest=1 insights=1 logger=2 resolver=3 " ]] || die "other replicas than before the roll: $there"
crashes=$(compose ps -q | xargs docker inspect -f '{{.RestartCount}} {{.Name}}' | awk '$1 > 0')
[[ -z $crashes ]] || die "crashed and was restarted: $crashes"

settled=$(sed -n 's/^all was as it should be \([0-9]*\) s after.*/\1/p' "$logs/play.log")
echo "compose ok: $(sed -n '$p' "$logs/judge.log"), each once, on its record, with its final text, nothing else there;" \
  "1 logger and 1 resolver killed, 9 containers replaced in $rolled s; settled $settled s after the last call;" \
  "stack up in $(seconds "$up_ms") s, slowest worker ready after $(seconds "$ready_ms") s; image $size_mb MB, built in $(seconds "$built_ms") s; $SECONDS s in all"
