#!/usr/bin/env bash
# Chromium and its driver for the test of the console: finds them, or installs Debian's packages if it may.
#
# Prints `export CHROMIUM=… CHROMEDRIVER=…`. Both variables may be set to others that fit together. Without either it says
# what is missing and ends with 1; the test then tells that it has not checked the pages, and fails only where CI=true.
set -euo pipefail

first() { # NAMES...: the first of these that is there
  local name
  for name in "$@"; do
    [[ -n $name ]] && command -v "$name" && return 0
  done
  return 1
}

look() {
  chromium=$(first "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome) || return 1
  driver=$(first "${CHROMEDRIVER:-}" chromedriver) || return 1
}

if ! look; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "browser: install Chromium and its driver (Debian: apt-get install chromium chromium-driver)" >&2
    exit 1
  fi
  echo "browser: installing Debian's packages chromium and chromium-driver" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; } >&2
  look || { echo "browser: the packages brought no Chromium or no driver" >&2 && exit 1; }
fi
printf 'export CHROMIUM=%q CHROMEDRIVER=%q\n' "$chromium" "$driver"
