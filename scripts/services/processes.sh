# shellcheck shell=bash
# The two services as private processes, from binaries that were found on this machine or installed. Part of services.sh.
#
# Each is started in a session of its own and outlives the caller. It is identified by its PID and start time, so that a
# process that got the same PID later is never signalled.
# shellcheck disable=SC2154 # id and state are set by services.sh

# ---- binaries -----------------------------------------------------------------------------------------------------

have_binaries() { find_broker >/dev/null && find_postgres >/dev/null; }

find_broker() { # Debian's /usr/sbin/rabbitmq-server insists on its own user; the script behind it does not
  local server epmd
  for server in /usr/lib/rabbitmq/bin/rabbitmq-server "$(command -v rabbitmq-server)" \
    /usr/local/sbin/rabbitmq-server /opt/homebrew/sbin/rabbitmq-server; do
    [[ -x $server ]] || continue
    for epmd in "$(command -v epmd)" /usr/lib/erlang/bin/epmd /usr/lib/erlang/erts-*/bin/epmd; do
      if [[ -x $epmd ]]; then echo "$server $epmd" && return; fi
    done
  done
  return 1
}

find_postgres() { # the version that created the data, else the newest
  local made dir newest on_path
  made=$(cat "$(recorded home)/postgres/PG_VERSION" 2>/dev/null) || true
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5 -n | tail -n 1)
  on_path=$(command -v postgres) || true
  for dir in "/usr/lib/postgresql/${made:-none}/bin" "$newest" "${on_path%/*}" \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /usr/pgsql-*/bin; do
    if [[ -x $dir/postgres && -x $dir/initdb && -x $dir/psql ]]; then echo "$dir" && return; fi
  done
  return 1
}

policy=/usr/sbin/policy-rc.d
drop_policy() { if grep -qs callbridge "$policy"; then rm -f "$policy"; fi; }

missing_packages() {
  find_broker >/dev/null || echo rabbitmq-server
  find_postgres >/dev/null || echo postgresql
}

install_packages() { # PACKAGE...
  local code=0
  say "installing Debian's $*"
  # The packages would start services on the standard ports. A policy that already exists is kept.
  trap drop_policy EXIT
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\n# callbridge: scripts/services.sh is installing packages\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  {
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
      DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "$@"
  } </dev/null >"$state/install.log" 2>&1 9>&- || code=$?
  drop_policy
  trap - EXIT
  if ((code != 0)); then tail -n 15 "$state/install.log" >&2; fi
  return "$code"
}

# ---- user and folder ----------------------------------------------------------------------------------------------

# Neither service should run as root, and PostgreSQL refuses to. Sets `runner`, the prefix of every command of theirs.
choose_user() {
  runner=(env)
  ((EUID == 0)) || return 0
  has setpriv || die "setpriv is missing (package util-linux): the services must not run as root"
  for owner in postgres rabbitmq nobody; do
    if id "$owner" >/dev/null 2>&1; then
      runner=(setpriv "--reuid=$owner" "--regid=$(id -g "$owner")" --init-groups env)
      return
    fi
  done
  die "found no unprivileged user to run the services as (postgres, rabbitmq or nobody)"
}

reachable() { (cd / && "${runner[@]}" test -w "$1"); }

# The data is in the folder of our records, or in the temporary folder if the services' user cannot write there.
choose_home() {
  local parent temporary=${TMPDIR:-/tmp}
  choose_user
  [[ ${SERVICES_DURABLE:-} != 1 ]] || temporary=/var/tmp # outlives a restart of the machine
  home=$(recorded home)
  if [[ -n $home && -e $home/of-$id ]]; then return; fi
  for parent in "$state" "$temporary" /var/tmp; do
    home=$(mktemp -d "$parent/callbridge-services.XXXXXX" 2>/dev/null) || continue
    if ((EUID == 0)); then chown "$owner" "$home"; fi
    if reachable "$home"; then break; fi
    rmdir "$home" && home=
  done
  [[ -n $home ]] || die "user ${owner:-$EUID} can write to no folder for the data: set TMPDIR to one"
  (cd "$home" && "${runner[@]}" mkdir rabbitmq && touch "of-$id") || die "cannot write to $home"
  rm -f "$state"/{broker,database,dist,epmd,management}.port
  # Written only here: the broker stops when this file is removed (cargo clean).
  record home "$home"
}

# ---- processes ----------------------------------------------------------------------------------------------------

# Distinguishes a process from a later one with the same PID; fails if the process is gone or a zombie.
identity() { # PID
  local stat fields boot=
  if [[ ! -d /proc/self ]]; then
    ps -o lstart= -p "$1" | tr -s ' ' '_'
    return
  fi
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }" # the name in brackets may contain anything
  [[ ${fields[0]} != [ZX] ]] || return 1
  { read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || true
  echo "${fields[19]}@$boot"
}

# The record names the checkout too: a copy of the checkout, records included, must not mistake the original's processes for
# its own.
running() { # SERVICE
  local whose pid who _
  { read -r whose pid who _ <"$state/$1.pid"; } 2>/dev/null || return 1
  [[ $whose == "$id" && -n $who && $(identity "$pid") == "$who" ]]
}

pid_of() { local pid _ && read -r _ pid _ <"$state/$1.pid" && echo "$pid"; } # SERVICE

# Starts a service that outlives this script and the terminal, with no descriptor of this script but 8 (see the keeper).
launch() { # SERVICE COMMAND...
  local name=$1 pid fd
  shift
  (
    cd "$home" || exit 1
    ulimit -n 65536 2>/dev/null || true
    exec 8<"$state/home" </dev/null >>"$state/$name.log" 2>&1
    for fd in /dev/fd/*; do
      fd=${fd##*/}
      ((fd < 3 || fd == 8 || fd == 255)) || eval "exec $fd>&-"
    done
    if has setsid; then exec setsid "$@"; fi
    exec perl -MPOSIX -e 'POSIX::setsid(); exec @ARGV' "$@"
  ) &
  pid=$!
  record "$name.pid" "$id $pid $(identity "$pid") $(date '+%Y-%m-%d %H:%M:%S')"
}

processes_up() {
  choose_home
  processes_start broker && processes_start database && processes_await broker && processes_await database
}

processes_start() { # SERVICE
  [[ -n ${home:-} ]] || choose_home
  running "$1" || "start_$1"
}

processes_await() { # SERVICE
  if ! await "$1" running processes_ready; then
    tail -n 25 "$state/$1.log" >&2 || true
    say "if its data was damaged: scripts/services.sh down --purge, then try again"
    return 1
  fi
  if [[ $1 == database ]] && [[ $(query postgres "select 1 from pg_database where datname = 'callbridge'") != 1 ]]; then
    query postgres 'create database callbridge'
  fi
}

processes_ready() { # SERVICE
  case $1 in
    broker) amqp_answers 127.0.0.1 "$(recorded broker.port)" ;;
    database) query postgres 'select 1' >/dev/null 2>&1 ;;
  esac
}

processes_stop() { # SERVICE SIGNAL
  local pid deadline=$((SECONDS + 20))
  if running "$1"; then
    pid=$(pid_of "$1")
    case $1-$2 in
      broker-* | epmd-*) kill "-$2" -- "-$pid" ;; # the group: keeper, epmd and Erlang
      database-TERM) kill -INT "$pid" ;; # PostgreSQL's "fast" shutdown, which ends the sessions too
      database-KILL) kill -KILL "$pid" ;; # its children notice and end
    esac
    while running "$1"; do
      if ((SECONDS > deadline)); then kill -KILL -- "-$pid" || true; fi
      sleep 0.05
    done
  fi
  if [[ $1 == broker ]]; then end_leftovers; fi
  rm -f "$state/$1.pid"
}

processes_remove() {
  local data
  data=$(recorded home)
  if [[ -n $data && -e $data/of-$id ]]; then rm -rf "$data"; fi
  rm -f "$state"/home "$state"/{broker,database}.log "$state"/{broker,database,dist,epmd,management}.port
}

processes_since() { local when _ && running "$1" && read -r _ _ _ when <"$state/$1.pid" && echo "$when"; } # SERVICE
processes_describe() { echo "private processes, data in $(recorded home), logs $state/{broker,database}.log"; }

# ---- RabbitMQ -----------------------------------------------------------------------------------------------------

# The keeper starts epmd: one that erl starts would outlive the broker and serve other nodes too. When the broker ends, or
# our records of it are deleted, the whole group ends. In the second case the data is removed as well, and PostgreSQL ends
# within a minute because its data is gone.
# shellcheck disable=SC2016 # for the inner shell
keeper='
trap : TERM
( trap - TERM
  while sleep 5; do
    if [ ! -d "$HOME" ] || case $(readlink /proc/self/fd/8) in *"(deleted)") ;; *) false ;; esac
    then rm -rf "${HOME%/rabbitmq}"; kill -KILL 0; fi
  done ) &
"$2" -port "$ERL_EPMD_PORT" -address 127.0.0.1 &
"$1" & broker=$!
while kill -0 "$broker" 2>/dev/null; do wait "$broker"; done
kill -KILL 0'

set_erlang() { # the variables that must be the same for the broker and its tools
  erlang=(PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin" LANG=C.UTF-8 HOME="$home/rabbitmq"
    RABBITMQ_NODENAME="$id@localhost" RABBITMQ_DIST_PORT="$(recorded dist.port)"
    ERL_EPMD_PORT="$(recorded epmd.port)" ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CONF_ENV_FILE=/dev/null)
}

start_broker() {
  local dir=$home/rabbitmq plugins='' server epmd port
  read -r server epmd < <(find_broker)
  end_leftovers
  for port in broker dist management; do claim_port "$port"; done
  # Brokers that form a cluster share one.
  if [[ -n ${shared_epmd:-} ]]; then
    record epmd.port "$shared_epmd"
    epmd=true
  else
    claim_port epmd
  fi
  if [[ -n ${cookie:-} ]]; then
    # shellcheck disable=SC2016 # for the inner shell
    "${runner[@]}" sh -c 'umask 377 && test -e "$1" || echo "$2" >"$1"' sh "$dir/.erlang.cookie" "$cookie"
  fi
  if [[ ${SERVICES_MANAGEMENT:-} == 1 ]]; then
    plugins=rabbitmq_management
    say "management page: http://127.0.0.1:$(recorded management.port), guest, guest"
  fi
  echo "[$plugins]." >"$dir/plugins"
  {
    echo "listeners.tcp.1 = 127.0.0.1:$(recorded broker.port)"
    echo "log.console = true"
    echo "log.file = false"
    echo "log.connection.level = error" # every test opens connections
    echo "disk_free_limit.absolute = 50MB"
    [[ -z ${broker_settings[*]:-} ]] || printf '%s\n' "${broker_settings[@]}"
    [[ -z $plugins ]] || printf 'management.tcp.%s\n' "ip = 127.0.0.1" "port = $(recorded management.port)"
  } >"$dir/rabbitmq.conf"
  set_erlang
  launch broker "${runner[@]}" -i "${erlang[@]}" CALLBRIDGE_SERVICES="$id" \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_CONFIG_FILES="$dir/conf.d" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$dir/advanced.config" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/plugins" \
    RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_LOGS=- \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    bash -c "$keeper" keeper "$server" "$epmd"
}

# If the keeper was killed, its children may still run; they have our mark in their environment.
end_leftovers() {
  local file
  if [[ ! -d /proc/self ]]; then return; fi
  while read -r file; do
    kill -KILL "${file//[!0-9]/}" 2>/dev/null || true
  done < <(grep -slzFx "CALLBRIDGE_SERVICES=$id" /proc/[0-9]*/environ)
}

processes_forget_broker() { rm -rf "$home/rabbitmq/mnesia"; }
processes_rabbitmqctl() { processes_tool rabbitmqctl "$@"; }

processes_tool() { # TOOL ARG...
  local server _
  choose_home && set_erlang
  read -r server _ < <(find_broker)
  cd "$home" && exec "${runner[@]}" -i "${erlang[@]}" "${server%/*}/$1" "${@:2}" 9>&-
}

# ---- PostgreSQL ---------------------------------------------------------------------------------------------------

processes_pg() { # TOOL ARG...
  local bin
  bin=$(find_postgres)
  exec "$bin/$1" -h 127.0.0.1 -p "$(recorded database.port)" -U postgres "${@:2}"
}

processes_query() { query "$@"; }
query() { # DATABASE SQL
  local bin
  bin=$(find_postgres)
  PGCONNECT_TIMEOUT=3 "$bin/psql" -X -h 127.0.0.1 -p "$(recorded database.port)" -U postgres -d "$1" -Atqc "$2"
}

processes_signal() { kill "-$1" "${@:2}"; } # SIGNAL PID...
processes_allow_replication() { :; } # initdb has

# Replaces the data of this member by those of another one.
processes_copy_database() { # N NAME
  local bin
  choose_home
  bin=$(find_postgres)
  free_data "$home/postgres" && rm -rf "$home/postgres"
  (cd "$home" && "${runner[@]}" -i PATH="$PATH" HOME="$home" "$bin/pg_basebackup" -D "$home/postgres" --no-sync -c fast -X stream -R \
    -d "host=127.0.0.1 port=$(port "$1" database) user=postgres application_name=$2") >>"$state/database.log" 2>&1 9>&- && return
  tail -n 25 "$state/database.log" >&2
  return 1
}

start_database() {
  local bin fsync=off data=$home/postgres
  bin=$(find_postgres)
  if [[ ! -e $data/PG_VERSION ]]; then
    # Not every system has the locale C.UTF-8; with C, the encoding is still UTF-8.
    initialise "$bin" C.UTF-8 || initialise "$bin" C || { tail -n 25 "$state/database.log" >&2 && return 1; }
    mv "$data.new" "$data"
  fi
  free_data "$data" || return 1
  claim_port database
  # Without fsync a crash of the machine, not of PostgreSQL, may damage the data. These instances are disposable, so this
  # is a fair price for fast tests; never do it where real calls are stored. synchronous_commit stays on.
  [[ ${SERVICES_DURABLE:-} != 1 ]] || fsync=on
  launch database "${runner[@]}" -i PATH="$PATH" LANG=C.UTF-8 HOME="$home" \
    "$bin/postgres" -D "$data" -p "$(recorded database.port)" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=400 -c "fsync=$fsync" -c "full_page_writes=$fsync"
}

initialise() { # BIN LOCALE
  rm -rf "$home/postgres.new"
  (cd "$home" && "${runner[@]}" -i PATH="$PATH" HOME="$home" "$1/initdb" -D "$home/postgres.new" -U postgres \
    --auth=trust --encoding=UTF8 --locale="$2" --no-sync) >>"$state/database.log" 2>&1 9>&-
}

# After a kill -9, PostgreSQL's children need a moment to end. Its own lock file holds only a PID, which after a crash of the
# machine may belong to any process; so it is removed once no process works in the folder.
free_data() { # FOLDER
  local deadline=$((SECONDS + 15))
  if [[ ! -d /proc/self ]]; then return; fi
  while worked_in "$1"; do
    if ((SECONDS > deadline)); then say "some process still works in $1" && return 1; fi
    sleep 0.1
  done
  rm -f "$1/postmaster.pid"
}

worked_in() { # FOLDER
  local cwd
  for cwd in /proc/[0-9]*/cwd; do if [[ $cwd -ef $1 ]]; then return; fi; done
  return 1
}
