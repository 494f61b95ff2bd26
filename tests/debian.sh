#!/usr/bin/env bash
# The Debian package on a machine of its own: installed on a bare Debian without Docker and without Rust, set up from nothing to the first logged
# call, upgraded while calls come in, removed and purged.
#
# The machine is a folder (debootstrap) that systemd boots (systemd-nspawn), with a network of its own in which only it is. The sandbox in it
# stands for Aircall and Sellsy. Needs root, and installs debootstrap and systemd-container if they are missing. The last line has the figures.
# KEEP=1 leaves the machine's folder for inspection; PACKAGES=DIR takes packages that are there (two versions) instead of building them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$PWD/target/debian
root=$work/root
logs=$work/logs
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
architecture=$(dpkg --print-architecture)
mirror=$(apt-cache policy 2>/dev/null | sed -n "s|.* \(https\?://[^ ]*\) $suite/main .*|\1|p" | head -1)

say() { printf '%s debian: %s\n' "$(date +%T)" "$*" >&2; }
die() { say "$*" && exit 1; }
[[ $(id -u) == 0 ]] || die "run it as root"

machine=
finish() {
  local code=$?
  trap - EXIT INT TERM
  if [[ -n $machine ]]; then
    inside journalctl --no-pager -b >"$logs/journal.log" 2>/dev/null || true
    kill -TERM "$machine" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$machine" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$machine" 2>/dev/null || true
  fi
  [[ ${KEEP:-} == 1 ]] || rm -rf "$root"
  ((code == 0)) || say "FAILED; the logs are in $logs"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The first process of the machine: systemd, whose parent is systemd-nspawn.
leader() { pgrep -P "$machine" -n 2>/dev/null; }
inside() { nsenter -t "$(leader)" -m -u -i -n -p -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
sandbox() { inside curl -sf -X "$1" "http://127.0.0.1:8091/_sandbox/$2" -H 'content-type: application/json' ${3:+-d "$3"}; }

mkdir -p "$work" "$logs"
command -v debootstrap >/dev/null && command -v systemd-nspawn >/dev/null ||
  { apt-get update -q && apt-get install -y -q --no-install-recommends debootstrap systemd-container; } >"$logs/apt.log" 2>&1

packages=${PACKAGES:-$work/packages}
if [[ -z ${PACKAGES:-} ]]; then
  rm -rf "$packages"
  say "building the package, in two versions"
  host=$(rustc -vV | sed -n 's/^host: //p')
  for version in 0.1.0~test1 0.1.0~test2; do
    DIST=$packages VERSION=$version scripts/dist.sh "$host" >"$logs/dist-$version.log" 2>&1 || die "dist failed: $(tail -3 "$logs/dist-$version.log")"
  done
fi
mapfile -t versions < <(find "$packages" -name "callbridge_*_$architecture.deb" | sort)
((${#versions[@]} == 2)) || die "two packages are needed in $packages, there are ${#versions[@]}"

began=$SECONDS
if [[ ! -f $work/$suite.tar ]]; then
  say "a bare $suite"
  rm -rf "$root"
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,ca-certificates,procps "$suite" "$root" ${mirror:+"$mirror"} \
    >"$logs/debootstrap.log" 2>&1 || die "debootstrap failed: $(tail -3 "$logs/debootstrap.log")"
  # What the package recommends, fetched while there is a network: a machine of its own has one.
  cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" && chmod +x "$root/usr/sbin/policy-rc.d"
  DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y -q --no-install-recommends postgresql rabbitmq-server >"$logs/services.log" 2>&1 ||
    die "RabbitMQ and PostgreSQL could not be installed: $(tail -3 "$logs/services.log")"
  rm -f "$root/usr/sbin/policy-rc.d"
  tar -C "$root" -cf "$work/$suite.tar.new" . && mv "$work/$suite.tar.new" "$work/$suite.tar"
else
  rm -rf "$root" && mkdir -p "$root" && tar -C "$root" -xf "$work/$suite.tar"
fi
cp "${versions[@]}" "$root/root/"
say "the machine is there after $((SECONDS - began)) s"

# RabbitMQ names its folder after the host.
echo callbridge-test >"$root/etc/hostname"
printf '127.0.0.1 localhost callbridge-test\n' >"$root/etc/hosts"
systemd-nspawn --quiet --register=no --keep-unit --private-network --hostname=callbridge-test -D "$root" --boot >"$logs/boot.log" 2>&1 </dev/null &
machine=$!
for _ in $(seq 300); do
  [[ -n $(leader) ]] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
  kill -0 "$machine" 2>/dev/null || die "the machine does not boot: $(tail -3 "$logs/boot.log")"
  sleep 0.2
done
inside systemctl is-active --quiet postgresql rabbitmq-server || die "RabbitMQ and PostgreSQL do not run: $(inside systemctl --failed --no-legend | tr '\n' ' ')"

say "installing $(basename "${versions[0]}")"
from_nothing=$SECONDS
inside dpkg -i "/root/$(basename "${versions[0]}")" >"$logs/install.log" 2>&1 || die "it cannot be installed: $(tail -5 "$logs/install.log")"
for unit in "$root"/usr/lib/systemd/system/callbridge*; do
  said=$(inside systemd-analyze verify --man=no "/usr/lib/systemd/system/$(basename "$unit")" 2>&1 | grep -i callbridge || true)
  [[ -z $said ]] || die "systemd-analyze verify: $said"
done
[[ -z $(inside systemctl list-units --no-legend --state=active 'callbridge*') ]] || die "something runs before it is set up"
for page in callbridge callbridge-check callbridge-dead-replay; do [[ -f $root/usr/share/man/man1/$page.1.gz ]] || die "no manual page of $page"; done

inside sh -c 'cd /usr/share/callbridge && exec setsid /usr/lib/callbridge/sandbox --listen 127.0.0.1:8091 >/root/sandbox.log 2>&1 </dev/null &'
for _ in $(seq 50); do sandbox GET health >/dev/null 2>&1 && break; sleep 0.1; done

say "callbridge-setup"
setup() {
  inside env AIRCALL_API_URL=http://127.0.0.1:8091/aircall AIRCALL_API_ID=sandbox-aircall-id AIRCALL_API_TOKEN=sandbox-aircall-token \
    SELLSY_API_URL=http://127.0.0.1:8091/sellsy/v2 SELLSY_AUTH_URL=http://127.0.0.1:8091/sellsy/oauth2/access-tokens \
    SELLSY_CLIENT_ID=sandbox-sellsy-client SELLSY_CLIENT_SECRET=sandbox-sellsy-secret \
    callbridge-setup --yes --url http://127.0.0.1:8080 --sellsy-webhook yes "$@"
}
setup --wait-for-call 120s >"$logs/setup.log" 2>&1 &
setting_up=$!
until grep -q 'Call your own line now' "$logs/setup.log" 2>/dev/null; do
  kill -0 "$setting_up" 2>/dev/null || die "setup ended: $(tail -5 "$logs/setup.log")"
  sleep 0.2
done
# A quarter of an hour ago: what is more recent, reconciliation leaves to the webhooks.
play() {
  sandbox POST aircall/calls "{\"direction\":\"inbound\",\"raw_digits\":\"+33 6 39 98 41 07\",\"user_id\":501,\"duration\":90,\"at_once\":true,\"started_at\":$(($(date +%s) - ${1:-0}))}"
}
play 90 >/dev/null
wait "$setting_up" || die "no call was logged: $(tail -5 "$logs/setup.log")"
from_nothing=$((SECONDS - from_nothing))
say "from the package to the first logged call: $from_nothing s"

active() { inside systemctl list-units --plain --no-legend --state=active 'callbridge-*.service' | wc -l; }
(($(active) == 6)) || die "$(active) of 6 services run: $(inside systemctl list-units --no-legend --all 'callbridge-*')"
[[ $(stat -c '%a %U' "$root/etc/callbridge/callbridge.env") == '600 root' ]] || die "others can read the settings"
! inside systemctl show -p User 'callbridge-*.service' | grep -vx 'User=callbridge' | grep -q . || die "a service has another user"
inside callbridge check >"$logs/check.log" 2>&1 || die "callbridge check: $(grep -i failed "$logs/check.log" | head -3)"
exposed=$(inside systemd-analyze security --no-pager callbridge-logger.service 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9.]*\).*/\1/p')

say "upgrading while calls come in"
# The sandbox numbers logs from 5000001 on.
logged() { sandbox GET sellsy/phone-calls | grep -o '"id":50[0-9]\{5\}\b' | wc -l; }
before=$(logged)
calls=30
(for _ in $(seq "$calls"); do play 900 >/dev/null; sleep 0.3; done) &
caller=$!
upgrade=$SECONDS
inside dpkg -i "/root/$(basename "${versions[1]}")" >"$logs/upgrade.log" 2>&1 || die "it cannot be upgraded: $(tail -5 "$logs/upgrade.log")"
upgrade=$((SECONDS - upgrade))
wait "$caller"
# Their logs wait for Sellsy's quota of a minute. Webhooks are refused in the moment in which ingest is replaced; Aircall sends them again, and
# reconciliation brings in what it does not: backfill is the same, now.
for _ in $(seq 200); do (($(logged) >= before + calls)) && break; sleep 0.5; done
refused=$((before + calls - $(logged)))
if ((refused > 0)); then
  inside timeout 60 callbridge backfill --since 1h >"$logs/backfill.log" 2>&1 || die "backfill: $(tail -3 "$logs/backfill.log")"
  for _ in $(seq 100); do (($(logged) >= before + calls)) && break; sleep 0.5; done
fi
# One that is written twice comes a moment later.
sleep 3
there=$(logged)
((there == before + calls)) || die "$there logs instead of $((before + calls)) after the upgrade"
(($(active) == 6)) || die "$(active) of 6 services run after the upgrade"
inside dpkg-query -W -f '${Version}' callbridge | grep -qx '0.1.0~test2' || [[ -n ${PACKAGES:-} ]] || die "the old version is still there"
setup --wait-for-call 0s >"$logs/again.log" 2>&1 || die "setup, a second time: $(tail -3 "$logs/again.log")"

say "removing it"
inside dpkg -r callbridge >"$logs/remove.log" 2>&1 || die "it cannot be removed: $(tail -3 "$logs/remove.log")"
(($(active) == 0)) && ! inside pgrep -u callbridge >/dev/null || die "something still runs"
[[ -s $root/etc/callbridge/callbridge.env && ! -e $root/usr/bin/callbridge ]] || die "the settings must stay, and the programs go"
inside dpkg -P callbridge >"$logs/purge.log" 2>&1
[[ ! -e $root/etc/callbridge ]] || die "the settings are left after a purge"

echo "debian ok: $suite, from the package to the first logged call $from_nothing s; upgraded in $upgrade s" \
  "while $calls calls came in, each logged once ($refused of them by what Aircall lists); removed and purged; exposure of a worker ${exposed:-unknown} of 10"
