# shellcheck shell=bash
# Three brokers, and a primary with a standby: for tests of what is lost with a node. Part of services.sh.
#
# Each member is a pair of services.sh of its own, with its records in cluster/N. As processes, all brokers share one epmd, so that it does not end with one of them; as
# containers, they share a network.
# shellcheck disable=SC2154,SC2034 # variables of services.sh, and those that processes.sh and docker.sh read

members=(1 2 3)
cluster=$state/cluster
cluster_id=$id

cluster_usage() {
  cat <<'HELP'
usage: scripts/services.sh cluster COMMAND

  up, env, status, down [--purge]   as without "cluster"
  start N, stop N, kill N           broker N
  lose N        kill broker N, remove its data, and let it join anew
  cut N         broker N and the others do not see each other; heal N ends that
  alarm N       broker N is short of memory; calm N ends that
  leader        prints the broker that leads most queues
  fail-over [S] kill the primary, with what it has not replicated for S seconds, and promote the standby
  standby       make the other database a standby of the primary
  synchronous, asynchronous         whether a commit waits for the standby
  read-only, read-write             what the primary takes
  roll          restart each broker, then let the databases change places
  rabbitmqctl N ARG...              RabbitMQ's own tool, on broker N
HELP
}

# What docker.sh and processes.sh do, in a subshell with the records of that member.
member() { # N ACTION ARG...
  (
    state=$cluster/$1 id=$cluster_id-$1 network=$cluster_id cookie=$cluster_id
    shared_epmd=$(cat "$cluster/epmd.port" 2>/dev/null) || true
    broker_settings=(
      "cluster_partition_handling = pause_minority"
      "cluster_formation.peer_discovery_backend = classic_config"
    )
    for n in "${members[@]}"; do broker_settings+=("cluster_formation.classic_config.nodes.$n = $(node "$n")"); done
    home=$(recorded home)
    [[ -z $home ]] || choose_home
    by_way "${@:2}"
  )
}

cluster_way() { cat "$cluster/1/how" 2>/dev/null; }
node() { # N
  case $(cluster_way) in
    docker) echo "rabbit@$cluster_id-$1-broker" ;;
    *) echo "$cluster_id-$1@localhost" ;;
  esac
}
port() { cat "$cluster/$1/$2.port"; } # N SERVICE
others() { for n in "${members[@]}"; do [[ $n == "$1" ]] || echo "$n"; done; }
ctl() { member "$1" rabbitmqctl "${@:2}" >/dev/null; } # N ARG...
primary() { cat "$cluster/primary"; }
standby() { echo $((3 - $(primary))); }
sql() { member "$1" query "${3:-postgres}" "$2"; } # N SQL [DATABASE]

start_epmd() {
  local epmd
  running epmd && return
  read -r _ epmd < <(find_broker)
  claim_port epmd
  # The keeper ends it when our records are deleted. epmd reads its port from the environment.
  launch epmd "${runner[@]}" -i PATH="$PATH" HOME="$home/rabbitmq" ERL_EPMD_PORT="$(recorded epmd.port)" ERL_EPMD_ADDRESS=127.0.0.1 \
    bash -c "$keeper" keeper "$epmd" true
}

epmd_up() (
  state=$cluster
  choose_home
  start_epmd
)

# ---- brokers ------------------------------------------------------------------------------------------------------

brokers() { # ACTION N...
  local n
  for n in "${@:2}"; do member "$n" "$1" broker || return; done
}

# Only together do they have a majority. The first time, the others join the first; those of the image (RabbitMQ 4) find each other, and one that is not there takes them minutes.
brokers_up() {
  if [[ $(cluster_way) == processes && ! -e $cluster/formed ]]; then
    brokers start 1 && brokers await 1 || return
  fi
  brokers start "${members[@]}" && brokers await "${members[@]}" && touch "$cluster/formed"
}

broker_up() { brokers start "$1" && brokers await "$1"; } # N

lose_broker() { # N
  local other
  other=$(others "$1" | head -n 1)
  member "$1" stop broker KILL
  member "$1" forget_broker
  ctl "$other" forget_cluster_node "$(node "$1")"
  broker_up "$1"
  # A new member has no part in the queues that exist.
  member "$other" tool rabbitmq-queues grow "$(node "$1")" all >/dev/null
}

# Neither side accepts the other's cookie, so they cannot connect again.
cut_broker() { # N
  ctl "$1" eval '[begin erlang:set_cookie(N, cut), erlang:disconnect_node(N) end || N <- nodes()].'
}

heal_broker() { # N
  local names
  names=$(for n in $(others "$1"); do printf "'%s'," "$(node "$n")"; done)
  ctl "$1" eval "[erlang:set_cookie(N, erlang:get_cookie()) || N <- [${names%,}]]."
}

leader() {
  local n most=0 of=1 leads all
  all=$(member "$(broker_that_answers)" rabbitmqctl -q list_queues leader)
  for n in "${members[@]}"; do
    leads=$(grep -c "^$(node "$n")$" <<<"$all") || true
    if ((leads > most)); then most=$leads of=$n; fi
  done
  echo "$of"
}

broker_that_answers() {
  local n
  for n in "${members[@]}"; do
    if member "$n" ready broker; then echo "$n" && return; fi
  done
  return 1
}

# ---- databases ----------------------------------------------------------------------------------------------------

database_up() { member "$1" start database && member "$1" await database; } # N

databases_up() {
  [[ -e $cluster/primary ]] || echo 1 >"$cluster/primary"
  database_up "$(primary)" && member "$(primary)" allow_replication || return
  if [[ -e $cluster/of-two && ! -e $cluster/alone ]]; then database_up "$(standby)"; else standby_up && touch "$cluster/of-two"; fi
}

# The other one's data is replaced.
standby_up() {
  local from to
  from=$(primary) to=$(standby)
  member "$to" stop database KILL
  member "$to" copy_database "$from" "standby_$to" || return
  database_up "$to" && await_standby async && rm -f "$cluster/alone"
}

fail_over() { # SECONDS
  local from to frozen=()
  from=$(primary) to=$(standby)
  if ((${1:-0} > 0)); then
    mapfile -t frozen < <(sql "$from" 'select pid from pg_stat_replication')
    ((${#frozen[@]} > 0)) || die "no standby is connected, so nothing could lag behind"
    member "$from" signal STOP "${frozen[@]}"
    sleep "$1"
  fi
  member "$from" stop database KILL
  # As processes, they outlive their parent; as containers, there is nobody left to signal.
  ((${#frozen[@]} == 0)) || member "$from" signal KILL "${frozen[@]}" 2>/dev/null || true
  take_over "$to"
}

take_over() { # N
  # The other one must not start again as it is: it would take writes, too.
  touch "$cluster/alone"
  sql "$1" 'select pg_promote(true, 30)' >/dev/null
  echo "$1" >"$cluster/primary"
  # It has no standby yet that a commit could wait for.
  set_primary 'reset synchronous_standby_names'
}

await_standby() { # STATE
  local began=$SECONDS
  until [[ $(sql "$(primary)" 'select sync_state from pg_stat_replication') == "$1" ]]; do
    ((SECONDS - began < patience)) || die "the standby is not $1"
    sleep 0.1
  done
}

set_primary() { # SETTING
  sql "$(primary)" "alter system $1" && sql "$(primary)" 'select pg_reload_conf()' >/dev/null
}

roll() {
  local n
  for n in "${members[@]}"; do
    # Every queue has a majority without this one.
    member "$n" tool rabbitmq-upgrade await_online_quorum_plus_one -t 60 >/dev/null
    member "$n" stop broker TERM
    broker_up "$n" || return
  done
  n=$(standby)
  member "$(primary)" stop database TERM
  take_over "$n"
  standby_up
}

# ---- commands -----------------------------------------------------------------------------------------------------

cluster_up() {
  local way n
  way=$(cluster_way) || way=$(choose_way) || return
  for n in "${members[@]}"; do mkdir -p "$cluster/$n" && echo "$way" >"$cluster/$n/how"; done
  case $way in
    docker) docker_network "$cluster_id" ;;
    processes) epmd_up ;;
  esac && brokers_up && databases_up
}

choose_way() {
  if wanted docker && engine_answers && docker_images; then
    echo docker
  elif wanted processes && need_binaries; then
    echo processes
  else
    what_to_install
  fi
}

cluster_env() {
  local amqp database
  amqp=$(for n in "${members[@]}"; do printf '127.0.0.1:%s,' "$(port "$n" broker)"; done)
  database=$(for n in 1 2; do printf '127.0.0.1:%s,' "$(port "$n" database)"; done)
  printf "export AMQP_URL='amqp://guest:guest@%s/%%2f'\n" "${amqp%,}"
  printf "export DATABASE_URL='postgres://postgres@%s/callbridge?target_session_attrs=read-write'\n" "${database%,}"
}

cluster_status() {
  local n when
  for n in "${members[@]}"; do
    when=$(member "$n" since broker) || true
    printf 'broker %s:   %s\n' "$n" "${when:+up at 127.0.0.1:$(port "$n" broker) since }${when:-down}"
  done
  for n in 1 2; do
    when=$(member "$n" since database) || true
    printf 'database %s: %s%s\n' "$n" "${when:+up at 127.0.0.1:$(port "$n" database) since }${when:-down}" "$([[ $n != "$(primary)" ]] || echo ', the primary')"
  done
}

# A broker that was cut off or has just been restarted may not take orders yet.
set_memory() { # N SHARE
  local _
  for _ in {1..10}; do
    if ctl "$1" await_startup --timeout 30 >/dev/null 2>&1 && ctl "$1" set_vm_memory_high_watermark "$2"; then return; fi
    sleep 1
  done
  die "broker $1 takes no orders"
}

# Our records go last, and only if all else went.
cluster_down() {
  local n way
  way=$(cluster_way) || return 0
  for n in "${members[@]}"; do
    member "$n" stop database TERM && member "$n" stop broker TERM || return
    [[ ${1:-} != --purge ]] || member "$n" remove || return
  done
  case $way-${1:-} in
    processes-*) (state=$cluster && processes_stop epmd TERM && { [[ ${1:-} != --purge ]] || processes_remove; }) || return ;;
    docker---purge) docker network rm "$cluster_id" >/dev/null || return ;;
  esac
  [[ ${1:-} != --purge ]] || rm -rf "$cluster"
}

in_cluster() { # COMMAND ARG...
  local n=${2:-}
  case $1 in
    start | stop | kill | lose | cut | heal | alarm | calm)
      [[ $n == [123] ]] || { cluster_usage >&2 && exit 2; }
      ;;&
    up | env | status | down) ;;
    *) [[ -e $cluster/of-two ]] || die "there is no cluster yet: scripts/services.sh cluster up" ;;&
    start) broker_up "$n" ;;
    stop) member "$n" stop broker TERM ;;
    kill) member "$n" stop broker KILL ;;
    lose) lose_broker "$n" ;;
    cut) cut_broker "$n" ;;
    heal) heal_broker "$n" ;;
    alarm) set_memory "$n" 0.0001 ;;
    calm) set_memory "$n" 0.4 ;;
    leader) leader ;;
    fail-over) fail_over "$n" ;;
    standby) standby_up ;;
    synchronous) set_primary "set synchronous_standby_names = '*'" && await_standby sync ;;
    asynchronous) set_primary 'reset synchronous_standby_names' ;;
    read-only) set_primary 'set default_transaction_read_only = on' ;;
    read-write) set_primary 'reset default_transaction_read_only' ;;
    roll) roll ;;
    rabbitmqctl) member "$n" rabbitmqctl "${@:3}" ;;
    *) cluster_usage >&2 && exit 2 ;;
  esac
  case $1 in
    up) cluster_up && say "the cluster is up" ;;
    env) cluster_up && cluster_env ;;
    status) cluster_status ;;
    down) cluster_down "${@:2}" && say "the cluster is down" ;;
  esac
}
