#!/usr/bin/env bash
# Finds Chromium and its driver for the test of the console, or installs Debian's packages if run as root.
#
# Prints `export CHROMIUM=… CHROMEDRIVER=…`. Both variables may be set beforehand to a pair that fits together. If one is
# missing and cannot be installed, it says so and ends with 1; the test then reports that it has not checked the pages, and
# fails only if CI=true.
set -euo pipefail

first() { # NAMES...: prints the first of these commands that exists
  local name
  for name in "$@"; do
    [[ -n $name ]] && command -v "$name" && return 0
  done
  return 1
}

find_browser() {
  chromium=$(first "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome) || return 1
  driver=$(first "${CHROMEDRIVER:-}" chromedriver) || return 1
}

if ! find_browser; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "browser: install Chromium and its driver (Debian: apt-get install chromium chromium-driver)" >&2
    exit 1
  fi
  echo "browser: installing Debian's packages chromium and chromium-driver" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -q && apt-get install -qy --no-install-recommends chromium chromium-driver; } >&2
  find_browser || { echo "browser: Chromium or its driver is missing even after installing the packages" >&2 && exit 1; }
fi
printf 'export CHROMIUM=%q CHROMEDRIVER=%q\n' "$chromium" "$driver"
