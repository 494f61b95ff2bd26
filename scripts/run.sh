#!/usr/bin/env bash
# The four workers on this machine, with the settings of .env: real use without Docker (make run).
#
# Output is prefixed with the worker's name. A worker that ends is not started again: that is the business of a
# supervisor (docker compose, systemd). Ctrl-C ends all of them, and leaves them 15 s to finish what they have begun.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
bin=${CARGO_TARGET_DIR:-$root/target}/debug
workers=(ingest resolver logger insights)

say() { printf 'run: %s\n' "$*" >&2 || true; }

# As Docker Compose reads it: nothing is executed, and what the environment already has wins.
read_settings() { # FILE
  local line name value
  while IFS='' read -r line || [[ -n $line ]]; do
    line=${line%$'\r'}
    [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] || continue
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    case $value in
      \"*\"*) value=${value#\"} value=${value%%\"*} ;;
      \'*\'*) value=${value#\'} value=${value%%\'*} ;;
      *)
        value=${value%%[[:space:]]#*}
        value=${value%"${value##*[![:space:]]}"}
        ;;
    esac
    [[ -n ${!name+set} ]] || export "$name=$value"
  done <"$1"
}

if [[ ! -e $root/.env ]]; then
  say "there is no .env: cp .env.example .env, fill in your keys, and try again"
  exit 1
fi
for worker in "${workers[@]}"; do
  [[ -x $bin/$worker ]] || { say "$bin/$worker is not built: use make run" && exit 1; }
done
read_settings "$root/.env"

# A pair of its own, kept safe from the tests, from cargo clean and from a power cut: these calls are real.
export SERVICES_DIR=${SERVICES_DIR:-$root/.services} SERVICES_DURABLE=${SERVICES_DURABLE:-1}
services=$("$root/scripts/services.sh" env)
eval "$services"

# Only ingest has something to say to the world; the others have health and metrics.
listen=${HTTP_LISTEN:-0.0.0.0:8080}
port=${listen##*:}
pids=()
for worker in "${workers[@]}"; do
  say "$worker listens on $listen"
  (
    trap '' HUP # a closed terminal comes to them as a request to end, like Ctrl-C
    HTTP_LISTEN=$listen exec "$bin/$worker"
  ) > >(
    trap '' INT TERM HUP
    while IFS='' read -r line; do printf '%-8s | %s\n' "$worker" "$line"; done
  ) 2>&1 &
  pids+=("$!")
  port=$((port + 1))
  listen=127.0.0.1:$port
done

# Sets `left` to those that still run, and says of the others how they ended.
look() {
  local index code
  left=()
  for index in "${!pids[@]}"; do
    if kill -0 "${pids[index]}" 2>/dev/null; then
      left+=("${pids[index]}")
    elif [[ -n ${workers[index]} ]]; then
      code=0
      wait "${pids[index]}" 2>/dev/null || code=$?
      if ((code != 0 || !stopping)); then failed=1; fi
      say "${workers[index]} ended with exit code $code"
      workers[index]=
    fi
  done
}

stopping=0 failed=0 deadline=
trap 'stopping=$((stopping + 1))' INT TERM HUP
look
while ((${#left[@]} > 0)); do
  if ((stopping > 0)) && [[ -z $deadline ]]; then
    say "ending the workers (Ctrl-C again: at once)"
    kill -TERM "${left[@]}" 2>/dev/null || true
    deadline=$((SECONDS + 15))
  elif ((stopping > 1)) || { [[ -n $deadline ]] && ((SECONDS > deadline)); }; then
    say "killing what is left"
    kill -KILL "${left[@]}" 2>/dev/null || true
  fi
  sleep 0.2 || true # Ctrl-C ends it too
  look
done
say "RabbitMQ and PostgreSQL stay up; make services-down ends them"
exit "$failed"
