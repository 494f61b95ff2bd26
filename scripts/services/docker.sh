# shellcheck shell=bash
# The two services as containers of the official images. Part of services.sh.
#
# The published ports are chosen here, because Docker would choose new ones at each restart.
# shellcheck disable=SC2154 # id is set by services.sh

broker_image=rabbitmq:4-management
database_image=postgres:17

# An engine that is starting or broken may never answer.
engine_answers() { has docker && if has timeout; then timeout 15 docker info; else docker info; fi >/dev/null 2>&1; }

inspect() { docker inspect -f "$2" "$id-$1" 2>/dev/null; } # SERVICE FORMAT
container_running() { [[ $(inspect "$1" '{{.State.Running}}') == true ]]; }
container_ours() { [[ $(inspect "$1" '{{index .Config.Labels "callbridge.services"}}') == "$id" ]]; }

docker_up() {
  local image service
  for image in "$broker_image" "$database_image"; do
    if ! docker image inspect "$image" >/dev/null 2>&1; then
      say "pulling $image"
      docker pull -q "$image" >&2 || { say "$image is not here and cannot be pulled" && return 1; }
    fi
  done
  docker_start broker && docker_start database && docker_await broker && docker_await database
}

docker_start() { # SERVICE
  local run fsync=off
  if [[ -n $(inspect "$1" '{{.Id}}') ]]; then
    container_ours "$1" || { say "a container $id-$1 exists that this script did not start" && return 1; }
    if container_running "$1" || docker start "$id-$1" >/dev/null; then return; fi
    docker rm -f -v "$id-$1" >/dev/null # another program has its port
  fi
  claim_port "$1"
  run=(docker run -d --name "$id-$1" --label "callbridge.services=$id")
  # Why: see start_database in processes.sh.
  [[ ${SERVICES_DURABLE:-} != 1 ]] || fsync=on
  case $1 in
    # Erlang sizes a table by the limit on open files, which some engines set to a billion. Other engines cannot raise their
    # own limit and refuse a higher one: a limit of 20000 has been seen.
    broker) run+=(--hostname "$id" --ulimit nofile=16384:16384
      -p "127.0.0.1:$(recorded broker.port):5672" "$broker_image") ;;
    database) run+=(--shm-size 256m -e POSTGRES_HOST_AUTH_METHOD=trust -e POSTGRES_DB=callbridge
      -e "POSTGRES_INITDB_ARGS=--encoding=UTF8 --locale=C.UTF-8"
      -p "127.0.0.1:$(recorded database.port):5432" "$database_image"
      -c max_connections=400 -c "fsync=$fsync" -c "full_page_writes=$fsync") ;;
  esac
  "${run[@]}" >/dev/null
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
docker_rabbitmqctl() { exec docker exec "$id-broker" rabbitmqctl "$@"; }
