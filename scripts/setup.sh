#!/usr/bin/env bash
# The first run, from nothing to the first logged call: brings RabbitMQ and PostgreSQL, asks for the keys, starts the workers.
#
# With Docker Compose if an engine answers, otherwise from source, as make run does (SETUP_USE=source for that in any case). Arguments are
# those of callbridge setup; callbridge setup --help lists them, and the variables by which it asks nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"

if [[ ${SETUP_USE:-docker} == docker ]] && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
  # What the shell has is handed on; the rest is asked for, or stands in .env.
  given=()
  for name in AIRCALL_API_ID AIRCALL_API_TOKEN SELLSY_CLIENT_ID SELLSY_CLIENT_SECRET AIRCALL_API_URL SELLSY_API_URL SELLSY_AUTH_URL \
    SETUP_URL SETUP_SELLSY_WEBHOOK; do
    [[ -z ${!name:-} ]] || given+=(-e "$name")
  done
  # The published image, unless .env names another one; if it cannot be had, one that is built from these sources.
  own=${CALLBRIDGE_IMAGE:-$(sed -n 's/^CALLBRIDGE_IMAGE=//p' .env 2>/dev/null | tail -1)}
  if [[ -z $own ]] && ! docker compose pull --quiet ingest 2>/dev/null; then
    printf 'setup: the published image cannot be fetched: it is built from these sources, which takes some minutes the first time\n' >&2
    docker compose -f docker-compose.yml -f docker-compose.build.yml build --quiet ingest
  fi
  # The file belongs to whoever runs this.
  setup=(docker compose run --rm --user "$(id -u):$(id -g)" "${given[@]}" setup callbridge setup --env-file /setup/.env)
  "${setup[@]}" --start none "$@"
  docker compose up -d
  exec "${setup[@]}" --follow ${SETUP_WAIT_FOR_CALL:+--wait-for-call "$SETUP_WAIT_FOR_CALL"}
fi

cargo build --release --workspace --bins --quiet
programs=${CARGO_TARGET_DIR:-$root/target}/release
export SERVICES_DIR=${SERVICES_DIR:-$root/.services} SERVICES_DURABLE=${SERVICES_DURABLE:-1}
services=$(scripts/services.sh env)
eval "$services"
PROGRAMS=$programs exec "$programs/callbridge" setup --env-file "${ENV_FILE:-$root/.env}" --start "$root/scripts/run.sh" "$@"
