#!/usr/bin/env bash
# Replaces the running containers of docker-compose.yml one by one with containers of the current image and settings: an upgrade
# during which work goes on (docs/operating.md).
#
#   docker compose pull && scripts/roll.sh [SERVICE...]
#
# A new container is started beside the old one, and the old one is stopped only when the new one is ready; it finishes the
# messages that it has in flight. If the new one does not become ready, it is removed again and everything else stays as it was.
# A service that publishes a fixed port cannot run twice: there the old container is stopped first. The number of replicas stays
# the same. The usual variables of Compose choose the stack (COMPOSE_PROJECT_NAME, COMPOSE_PROFILES, ...).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly patience=60 # seconds until ready

say() { printf 'roll: %s\n' "$*" >&2; }

# Runs the container's own health check at once, without waiting for its interval.
is_ready() { # CONTAINER
  local check
  read -ra check < <(docker inspect -f '{{range (slice .Config.Healthcheck.Test 1)}}{{.}} {{end}}' "$1")
  docker exec "$1" "${check[@]}"
}

# Two containers cannot publish the same port of the host; with 0 or a range, Docker chooses a free one.
has_fixed_port() { # CONTAINER
  docker inspect -f '{{range .HostConfig.PortBindings}}{{range .}}{{println .HostPort}}{{end}}{{end}}' "$1" |
    grep -E '^[1-9][0-9]*$' >/dev/null
}

# Sets `new` to the container that was started.
start() { # SERVICE HOW_MANY_THERE_ARE_THEN
  local before id
  before=$(docker compose ps -aq "$1")
  docker compose --progress quiet up -d --no-deps --no-build --no-recreate --scale "$1=$2" "$1"
  new=
  for id in $(docker compose ps -q "$1"); do
    grep -qF "$id" <<<"$before" || new=$id
  done
  [[ -n $new ]] || { say "Compose started no new container of $1" && return 1; }
}

await_ready() { # CONTAINER
  local until=$((SECONDS + patience)) why=
  until why=$(is_ready "$1" 2>&1); do
    if ((SECONDS > until)); then
      say "the new container is not ready after $patience s: $why"
      docker logs --tail 15 "$1" >&2 || true
      docker rm -f "$1" >/dev/null
      return 1
    fi
    sleep 0.3
  done
}

roll() { # SERVICE
  local service=$1 old id began
  mapfile -t old < <(docker compose ps -q "$service")
  for id in "${old[@]}"; do
    began=$SECONDS
    if has_fixed_port "$id"; then
      docker stop "$id" >/dev/null && docker rm "$id" >/dev/null
      start "$service" "${#old[@]}"
      await_ready "$new"
    else
      start "$service" $((${#old[@]} + 1))
      await_ready "$new"
      docker stop "$id" >/dev/null && docker rm "$id" >/dev/null
    fi
    say "$service: ${id:0:12} -> ${new:0:12}, $((SECONDS - began)) s"
  done
}

services=("$@")
# What receives webhooks and requests comes last, when the other workers are already new.
((${#services[@]} > 0)) || services=(followups logger insights resolver ingest console)
for service in "${services[@]}"; do
  roll "$service"
done
