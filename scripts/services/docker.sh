# shellcheck shell=bash
# The two services as containers of the official images. Part of services.sh.
#
# The published ports are chosen here, because Docker would choose new ones at each restart.
# shellcheck disable=SC2154 # id is set by services.sh

broker_image=rabbitmq:4.0-management
database_image=postgres:17

# An engine that is starting or broken may never answer.
engine_answers() { has docker && if has timeout; then timeout 15 docker info; else docker info; fi >/dev/null 2>&1; }

inspect() { docker inspect -f "$2" "$id-$1" 2>/dev/null; } # SERVICE FORMAT
container_running() { [[ $(inspect "$1" '{{.State.Running}}') == true ]]; }
container_ours() { [[ $(inspect "$1" '{{index .Config.Labels "callbridge.services"}}') == "$id" ]]; }

docker_up() {
  docker_images && docker_start broker && docker_start database && docker_await broker && docker_await database
}

docker_images() {
  local image
  for image in "$broker_image" "$database_image"; do
    if ! docker image inspect "$image" >/dev/null 2>&1; then
      say "pulling $image"
      docker pull -q "$image" >&2 || { say "$image is not here and cannot be pulled" && return 1; }
    fi
  done
}

docker_network() { # NAME
  docker network inspect "$1" >/dev/null 2>&1 || docker network create --label "callbridge.services=$1" "$1" >/dev/null
}

docker_start() { # SERVICE
  if [[ -n $(inspect "$1" '{{.Id}}') ]]; then
    container_ours "$1" || { say "a container $id-$1 exists that this script did not start" && return 1; }
    if container_running "$1" || docker start "$id-$1" >/dev/null; then return; fi
    docker rm -f -v "$id-$1" >/dev/null # another program has its port
  fi
  "run_$1"
}

run_container() { # SERVICE ARG...: of docker run
  docker run -d --name "$id-$1" --label "callbridge.services=$id" ${network:+--network "$network"} "${@:2}" >/dev/null
}

run_broker() {
  local host=$id options=()
  claim_port broker
  # Members of a cluster find each other by the names of their containers.
  if [[ -n ${network:-} ]]; then
    host=$id-broker
    printf '%s\n' "${broker_settings[@]}" >"$state/cluster.conf"
    chmod 644 "$state/cluster.conf"
    options=(-v "$state/cluster.conf:/etc/rabbitmq/conf.d/30-cluster.conf:ro"
      -e "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-setcookie $cookie" -e "RABBITMQ_CTL_ERL_ARGS=-setcookie $cookie")
  fi
  # Erlang sizes a table by the limit on open files, which some engines set to a billion. Other engines cannot raise their
  # own limit and refuse a higher one: a limit of 20000 has been seen.
  run_container broker --hostname "$host" --ulimit nofile=16384:16384 "${options[@]}" \
    -p "127.0.0.1:$(recorded broker.port):5672" "$broker_image"
}

run_database() { run_postgres ""; }

run_postgres() { # ENTRYPOINT ARG...: of the entry point, by default that of the image; PostgreSQL's own settings follow
  local fsync=off
  # Why: see start_database in processes.sh.
  [[ ${SERVICES_DURABLE:-} != 1 ]] || fsync=on
  claim_port database
  run_container database --shm-size 256m -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=callbridge \
    -e "POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C.UTF-8" -p "127.0.0.1:$(recorded database.port):5432" \
    ${1:+--user postgres --entrypoint "$1"} "$database_image" "${@:2}" \
    -c max_connections=400 -c "fsync=$fsync" -c "full_page_writes=$fsync"
}

# Replaces the data of this member by those of another one.
docker_copy_database() { # N NAME
  docker rm -f -v "$id-database" >/dev/null 2>&1 || true
  # shellcheck disable=SC2016 # for the inner shell
  run_postgres bash -c 'test -s "$PGDATA/PG_VERSION" ||
    { chmod 700 "$PGDATA" && pg_basebackup -D "$PGDATA" --no-sync -c fast -X stream -R -d "host=$1 user=postgres application_name=$2"; } && exec postgres "${@:3}"' \
    standby "$cluster_id-$1-database" "$2"
}

container_ready() { # SERVICE
  case $1 in
    broker) amqp_answers 127.0.0.1 "$(recorded broker.port)" ;;
    database) # over TCP, because the temporary server that sets the database up listens only on a socket
      docker exec "$id-database" psql -h 127.0.0.1 -U postgres -d callbridge -Atc 'select 1' >/dev/null 2>&1 &&
        postgres_answers 127.0.0.1 "$(recorded database.port)" ;;
  esac
}

docker_await() { # SERVICE
  await "$1" container_running container_ready && return
  docker logs --tail 25 "$id-$1" >&2 || true
  return 1
}

docker_stop() { # SERVICE SIGNAL
  container_running "$1" || return 0
  case $2 in
    TERM) docker stop -t 20 "$id-$1" ;;
    KILL) docker kill "$id-$1" ;;
  esac >/dev/null
}

docker_remove() {
  local service
  for service in broker database; do
    if container_ours "$service"; then docker rm -f -v "$id-$service" >/dev/null; fi
    rm -f "$state/$service.port"
  done
}

docker_since() { container_running "$1" && inspect "$1" '{{.State.StartedAt}}'; } # SERVICE
docker_describe() { echo "Docker, containers $id-broker and $id-database"; }
docker_pg() { exec docker exec -i "$id-database" "$1" -U postgres "${@:2}"; }
docker_query() { docker exec "$id-database" psql -X -h 127.0.0.1 -U postgres -d "$1" -Atqc "$2"; } # DATABASE SQL
docker_signal() { docker exec "$id-database" bash -c 'kill "$@"' kill "-$1" "${@:2}"; } # SIGNAL PID...
docker_allow_replication() {
  # shellcheck disable=SC2016 # for the inner shell
  docker exec "$id-database" bash -c 'grep -q callbridge "$PGDATA/pg_hba.conf" || echo "host replication all all trust # callbridge" >>"$PGDATA/pg_hba.conf"'
  docker_query postgres 'select pg_reload_conf()' >/dev/null
}
docker_tool() { exec docker exec "$id-broker" "$@"; } # TOOL ARG...
docker_rabbitmqctl() { docker_tool rabbitmqctl "$@"; }
docker_forget_broker() { docker rm -f -v "$id-broker" >/dev/null; }
docker_ready() { container_ready "$@"; }
