#!/usr/bin/env bash
# RabbitMQ and PostgreSQL for the demo, the tests and local use, with or without Docker.
#
# The instances are disposable and belong to this checkout alone: own data, own free ports on loopback, own Erlang node
# and epmd. What runs is recorded in target/services/, and only that is ever stopped or removed.
# This file has the commands and keeps the records; services/ has the two ways to run the services.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: scripts/services.sh COMMAND

  up                  start RabbitMQ and PostgreSQL unless they run, and wait until they answer
  env                 the same, then print export lines: eval "$(scripts/services.sh env)"
  status              what runs, how, where and since when; exit code 3 if one is down
  down [--purge]      stop what this script started; --purge removes the data as well

  stop-broker     start-broker     kill-broker        for fault tests: stop normally, start
  stop-database   start-database   kill-database      again on the same port, kill -9
  rabbitmqctl ARG...  RabbitMQ's own tool, on the broker that this script started
  cluster COMMAND     three brokers, and a primary with a standby, to lose one of: scripts/services.sh cluster help
  pg TOOL ARG...      psql, pg_dump and so on, on the PostgreSQL that this script started
  pgbouncer           prints the path of PgBouncer, which one test needs, after installing Debian's package if you are root

The first of these that works is used:
  1. AMQP_URL and DATABASE_URL, if both are set: checked, nothing is started
  2. Docker, if an engine answers: the official images rabbitmq:4.0-management and postgres:17
  3. RabbitMQ and PostgreSQL found on this machine, as private processes
  4. Debian's packages of the two, installed if you are root, then as 3

variables:
  SERVICES_USE=docker|processes   use only this way
  SERVICES_DIR=DIR                where the records and data are, for a second pair (default: target/services)
  SERVICES_DURABLE=1              PostgreSQL with fsync, as in production (default: without, for speed)
  SERVICES_MANAGEMENT=1           RabbitMQ with its management page (private processes)
  SERVICES_WAIT=SECONDS           how long a start may take (default: 90)
HELP
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
state=${SERVICES_DIR:-$root/target/services}
[[ $state == /* ]] || state=$root/$state
patience=${SERVICES_WAIT:-90}
# The name of the containers and of the Erlang node: two checkouts never share it, nor a checkout and its copy.
id=$(printf '%s' "$state" | cksum)
id=callbridge-${id%% *}

say() { printf 'services: %s\n' "$*" >&2 || true; }
die() { say "$*" && exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
recorded() { cat "$state/$1" 2>/dev/null || true; }
record() { echo "$2" >"$state/$1"; }

# shellcheck source=scripts/services/docker.sh
source "$root/scripts/services/docker.sh"
# shellcheck source=scripts/services/processes.sh
source "$root/scripts/services/processes.sh"
# shellcheck source=scripts/services/cluster.sh
source "$root/scripts/services/cluster.sh"

# ---- what answers on a port ---------------------------------------------------------------------------------------

port_open() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# A broker answers the protocol header with Connection.Start, a method frame (type 1).
amqp_answers() (
  exec 2>/dev/null 3<>"/dev/tcp/$1/$2" || exit 1
  printf 'AMQP\0\0\11\1' >&3
  LC_ALL=C IFS='' read -r -t 3 -n 1 -u 3 byte && [[ $byte == $'\001' ]]
)

# PostgreSQL answers the request for TLS (80877103) with one letter: yes or no.
postgres_answers() (
  exec 2>/dev/null 3<>"/dev/tcp/$1/$2" || exit 1
  printf '\0\0\0\10\4\322\26\57' >&3
  LC_ALL=C IFS='' read -r -t 3 -n 1 -u 3 byte && [[ $byte == [SN] ]]
)

within() { # SECONDS FUNCTION ARG...: a time limit, since connecting to a host that drops packets would take minutes
  local seconds=$1
  shift
  if has timeout; then timeout "$seconds" bash -c "$(declare -f "$1"); \"\$@\"" _ "$@"; else "$@"; fi
}

# ---- services that this script did not start ----------------------------------------------------------------------

our_amqp_url() { echo "amqp://guest:guest@127.0.0.1:$(recorded broker.port)/%2f"; }
our_database_url() { echo "postgres://postgres@127.0.0.1:$(recorded database.port)/callbridge"; }

# True if both variables are set, and not only because this script's own output was evaluated before.
external() {
  [[ -n ${AMQP_URL:-} && -n ${DATABASE_URL:-} ]] || return 1
  [[ $AMQP_URL != "$(our_amqp_url)" || $DATABASE_URL != "$(our_database_url)" ]]
}

host_and_port() { # URL DEFAULT_PORT
  local rest=${1#*://} host port before
  # The login ends at the last @, as the workers read it: a password may have a slash or a question mark, and an option an @.
  before=${rest%@*}
  if [[ ${rest%%[/?]*} == *@* ]]; then
    before=${rest%%[/?]*}
    rest=${rest#"${before%@*}@"}
  elif [[ $rest == *@* && $before == *:* && $before != *=* ]]; then
    rest=${rest##*@}
  fi
  rest=${rest%%[/?]*}
  rest=${rest%%,*}
  if [[ $rest == \[* ]]; then
    host=${rest#\[} host=${host%%\]*} port=${rest##*\]}
  else
    host=${rest%%:*} port=${rest#"${rest%%:*}"}
  fi
  port=${port#:}
  echo "${host:-127.0.0.1} ${port:-$2}"
}

check_external() { # prints no URL, because URLs contain passwords
  local host port check=amqp_answers default=5672 failed=0
  if [[ $AMQP_URL == amqps://* ]]; then check=port_open default=5671; fi
  read -r host port < <(host_and_port "$AMQP_URL" "$default")
  if within 10 "$check" "$host" "$port"; then
    say "AMQP_URL is set: a broker answers at $host:$port"
  else
    say "AMQP_URL is set, but no broker answers at $host:$port" && failed=1
  fi
  if [[ $DATABASE_URL != *://* || $DATABASE_URL == *://*/*host=* ]]; then
    say "DATABASE_URL is set: used without a check, which this script cannot make for a URL of this form"
  else
    read -r host port < <(host_and_port "$DATABASE_URL" 5432)
    if within 10 postgres_answers "$host" "$port"; then
      say "DATABASE_URL is set: PostgreSQL answers at $host:$port"
    else
      say "DATABASE_URL is set, but no PostgreSQL answers at $host:$port" && failed=1
    fi
  fi
  ((failed == 0)) || say "start what is missing, or unset both variables to get disposable instances"
  return "$failed"
}

# ---- what both ways share -----------------------------------------------------------------------------------------

lock() { # one call at a time; every process that outlives this script closes the descriptor
  mkdir -p "$state"
  echo '*' >"$state/.gitignore"
  exec 9>"$state/lock"
  if has flock; then
    flock -n 9 || { say "another call of this script is running; waiting for it" && flock 9; }
  else
    perl -MFcntl=:flock -e 'open(LOCK, ">&=", 9) && flock(LOCK, LOCK_EX) or die "cannot lock: $!\n"'
  fi
}

# Keeps the port that the service had, so that its URL stays the same after a restart.
claim_port() { # NAME
  local port tries=0
  port=$(recorded "$1.port")
  # A killed process may hold the port for another moment.
  while [[ -n $port ]] && port_open 127.0.0.1 "$port"; do
    if ((++tries == 20)); then port=; else sleep 0.1; fi
  done
  # Below 32768, where Linux begins to hand out ports to outgoing connections.
  until [[ -n $port ]] && ! port_open 127.0.0.1 "$port"; do port=$((20000 + RANDOM % 12000)); done
  record "$1.port" "$port"
}

await() { # SERVICE ALIVE READY: the last two are functions that check the service
  local began=$SECONDS
  until "$3" "$1"; do
    if ! "$2" "$1"; then
      say "the $1 ended while it started; the end of its log:" && return 1
    elif ((SECONDS - began > patience)); then
      say "the $1 did not answer within $patience s; the end of its log:" && return 1
    fi
    sleep 0.1
  done
}

# ---- commands -----------------------------------------------------------------------------------------------------

wanted() { [[ ${SERVICES_USE:-$1} == "$1" ]]; }

# Private processes stay in use even if a Docker engine is started later: their data does not move.
start_both() {
  if [[ $(recorded how) == processes ]]; then
    if wanted processes && have_binaries; then
      processes_up
      return
    fi
    each stop TERM
  fi
  if wanted docker && engine_answers; then
    record how docker
    docker_up && return
    say "Docker answers, but the two services did not start there; trying without it"
    docker_remove
  fi
  if wanted processes; then
    if need_binaries; then
      record how processes
      processes_up
      return
    fi
  fi
  what_to_install
}

need_binaries() {
  # shellcheck disable=SC2046 # each word is a package
  have_binaries || { ((EUID == 0)) && has apt-get && install_packages $(missing_packages) && have_binaries; }
}

what_to_install() {
  say "found no way to run RabbitMQ and PostgreSQL; any one of these will do, then try again:"
  say "  - Docker, with its engine running"
  say "  - Debian, Ubuntu:  sudo apt-get install rabbitmq-server postgresql"
  say "  - Fedora:          sudo dnf install rabbitmq-server postgresql-server"
  say "  - macOS:           brew install rabbitmq postgresql@17"
  say "  - your own:        set AMQP_URL and DATABASE_URL"
  return 1
}

now_ms() { local now=${EPOCHREALTIME:-$SECONDS.000000} && echo "$((${now/[.,]/} / 1000))"; }

up() {
  if external; then
    check_external || exit 1
    return
  fi
  if [[ -n ${AMQP_URL:-} || -n ${DATABASE_URL:-} ]] && [[ -z ${AMQP_URL:-} || -z ${DATABASE_URL:-} ]]; then
    say "only one of AMQP_URL and DATABASE_URL is set: it is ignored"
  fi
  local before began
  began=$(now_ms)
  lock
  before=$(since broker) before+=$(since database)
  start_both || exit 1
  if [[ $before == "$(since broker)$(since database)" ]]; then
    say "already up"
  else
    say "up after $(($(now_ms) - began)) ms, by $(recorded how)"
  fi
  exec 9>&-
}

print_env() {
  if ! external; then
    AMQP_URL=$(our_amqp_url)
    DATABASE_URL=$(our_database_url)
  fi
  local name
  for name in AMQP_URL DATABASE_URL; do printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}"; done
}

# Calls docker_ACTION or processes_ACTION, depending on how the services were started.
by_way() { # ACTION ARG...
  local how
  how=$(recorded how)
  [[ -n $how ]] || die "nothing was started here yet: scripts/services.sh up"
  "${how}_$1" "${@:2}"
}

each() { by_way "$1" database "${@:2}" && by_way "$1" broker "${@:2}"; }

since() { [[ -z $(recorded how) ]] || by_way since "$1" || true; } # SERVICE: prints nothing if it is down

down() {
  [[ -z ${1:-} || $1 == --purge ]] || { usage >&2 && exit 2; }
  if [[ -z $(recorded how) ]]; then say "nothing was started here" && return; fi
  lock
  each stop TERM
  if [[ ${1:-} == --purge ]]; then
    by_way remove
    rm -f "$state"/{how,install.log}
    say "down; the data is removed"
  else
    say "down; the data stays (down --purge removes it)"
  fi
}

fault() { # ACTION SERVICE
  if external; then die "AMQP_URL and DATABASE_URL name services that this script did not start"; fi
  lock
  case $1 in
    stop) by_way stop "$2" TERM ;;
    kill) by_way stop "$2" KILL ;;
    start) by_way start "$2" && by_way await "$2" ;;
  esac
}

status() {
  local service when code=0 outside=
  if external; then outside=yes && { check_external || code=3; }; fi
  if [[ -z $(recorded how) ]]; then
    echo "how:      nothing was started here"
    [[ -n $outside ]] || code=3
    return "$code"
  fi
  echo "how:      $(by_way describe)"
  for service in broker database; do
    when=$(since "$service")
    if [[ -n $when ]]; then
      printf '%-9s up at 127.0.0.1:%s since %s\n' "$service:" "$(recorded "$service.port")" "$when"
    else
      printf '%-9s down\n' "$service:"
      [[ -n $outside ]] || code=3
    fi
  done
  return "$code"
}

pooler() {
  PATH=$PATH:/usr/sbin
  if ! has pgbouncer && ((EUID == 0)) && has apt-get; then
    mkdir -p "$state" && install_packages pgbouncer
  fi
  command -v pgbouncer || die "PgBouncer is not installed: sudo apt-get install pgbouncer"
}

case ${1:-} in
  up) up ;;
  env)
    up
    print_env
    ;;
  status) status ;;
  down) down "${@:2}" ;;
  stop-broker | start-broker | kill-broker) fault "${1%-*}" broker ;;
  stop-database | start-database | kill-database) fault "${1%-*}" database ;;
  rabbitmqctl) by_way rabbitmqctl "${@:2}" ;;
  pg) by_way pg "${@:2}" ;;
  pgbouncer) pooler ;;
  cluster) lock && in_cluster "${2:-help}" "${@:3}" ;;
  help | --help | -h) usage ;;
  *) usage >&2 && exit 2 ;;
esac
