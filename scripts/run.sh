#!/usr/bin/env bash
# Runs the five workers on this machine, with the settings of .env: real use without Docker (make run).
#
# Output is prefixed with the worker's name. A worker that ends is not started again: for that, use a supervisor
# (docker compose, systemd). Ctrl-C stops all of them, and gives them 15 s to finish what they have begun.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# Those of the release build, unless the caller has others.
bin=${PROGRAMS:-${CARGO_TARGET_DIR:-$root/target}/release}
workers=(ingest resolver logger insights followups)
env_file=${ENV_FILE:-$root/.env}

say() { printf 'run: %s\n' "$*" >&2 || true; }

# What is between double quotes: \" \\ and \$ are escapes.
unescaped() { # TEXT
  local rest=$1 value=
  while [[ -n $rest && $rest != \"* ]]; do
    if [[ $rest == \\* ]]; then rest=${rest:1}; fi
    value+=${rest:0:1} rest=${rest:1}
  done
  printf '%s' "$value"
}

# Reads the file as Docker Compose does: nothing is executed, and variables that are already set win.
read_settings() { # FILE
  local line name value
  while IFS='' read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    case $value in
      \"*\"*) value=$(unescaped "${value#\"}") ;;
      \'*\'*) value=${value#\'} value=${value%%\'*} ;;
      *)
        value=${value%%[[:space:]]#*}
        value=${value%"${value##*[![:space:]]}"}
        ;;
    esac
    [[ -n ${!name+set} ]] || export "$name=$value"
  done <"$1"
}

if [[ ! -e $env_file ]]; then
  say "there is no $env_file: make setup asks for your keys and writes it"
  exit 1
fi
for worker in "${workers[@]}"; do
  [[ -x $bin/$worker ]] || { say "$bin/$worker is not built: use make run" && exit 1; }
done
read_settings "$env_file"

# Its own RabbitMQ and PostgreSQL, safe from the tests, from cargo clean and from a power cut, because these calls are real.
export SERVICES_DIR=${SERVICES_DIR:-$root/.services} SERVICES_DURABLE=${SERVICES_DURABLE:-1}
services=$("$root/scripts/services.sh" env)
eval "$services"

# Only ingest must be reachable from outside; the others serve only health and metrics.
listen=${HTTP_LISTEN:-0.0.0.0:8080}
port=${listen##*:}
pids=() listens=()
for worker in "${workers[@]}"; do
  (
    trap '' HUP # when the terminal closes, the workers get SIGTERM from this script, as after Ctrl-C
    HTTP_LISTEN=$listen exec "$bin/$worker"
  ) > >(
    trap '' INT TERM HUP
    while IFS='' read -r line; do printf '%-9s | %s\n' "$worker" "$line"; done
  ) 2>&1 &
  pids+=("$!") listens+=("$listen")
  port=$((port + 1))
  listen=127.0.0.1:$port
done

# Sets `running` to the workers that still run, and reports how the others ended.
check_workers() {
  local index code
  running=()
  for index in "${!pids[@]}"; do
    if kill -0 "${pids[index]}" 2>/dev/null; then
      running+=("${pids[index]}")
    elif [[ -n ${workers[index]} ]]; then
      code=0
      wait "${pids[index]}" 2>/dev/null || code=$?
      if ((code != 0 || !stopping)); then failed=1; fi
      say "${workers[index]} ended with exit code $code"
      workers[index]=
    fi
  done
}

# Says so of each worker that listens by now.
say_who_listens() {
  local index
  for index in "${!listens[@]}"; do
    if [[ -n ${workers[index]} ]] && (exec 3<>"/dev/tcp/127.0.0.1/${listens[index]##*:}") 2>/dev/null; then
      say "${workers[index]} listens on ${listens[index]}"
      unset "listens[index]"
    fi
  done
}

stopping=0 failed=0 deadline=
trap 'stopping=$((stopping + 1))' INT TERM HUP
check_workers
while ((${#running[@]} > 0)); do
  if ((stopping > 0)) && [[ -z $deadline ]]; then
    say "stopping the workers (Ctrl-C again: kills them)"
    kill -TERM "${running[@]}" 2>/dev/null || true
    deadline=$((SECONDS + 15))
  elif ((stopping > 1)) || { [[ -n $deadline ]] && ((SECONDS > deadline)); }; then
    say "killing the workers that still run"
    kill -KILL "${running[@]}" 2>/dev/null || true
  fi
  sleep 0.2 || true # Ctrl-C ends the sleep too
  check_workers
  ((stopping > 0)) || say_who_listens
done
say "RabbitMQ and PostgreSQL stay up; make services-down stops them"
exit "$failed"
