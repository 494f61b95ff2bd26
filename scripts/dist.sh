#!/usr/bin/env bash
# Everything that a release has, into target/dist: for each target a tarball and a Debian package, then the list of what is in them (SBOM,
# CycloneDX), and checksums (make dist).
#
#   scripts/dist.sh [TARGET…]     x86_64-unknown-linux-musl, aarch64-unknown-linux-musl; without one, those that this machine can build
#
# A musl target runs on any Linux; it needs its standard library (rustup target add TARGET) and, for C code and linking, cargo-zigbuild with zig.
# Where that cannot be had, the programs are built for this machine's own C library, and run where it is as new or newer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'dist: %s\n' "$*" >&2; }
die() { say "$*" && exit 1; }

dist=${DIST:-target/dist}
release=${CARGO_TARGET_DIR:-target}
programs=(ingest resolver logger insights followups sandbox callbridge)
packages=(ingest resolver logger insights followups sandbox ops)
host=$(rustc -vV | sed -n 's/^host: //p')

# The version is that of Cargo.toml. A tag must say the same; without one, the name says from which commit it is.
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
tag=$(git describe --tags --exact-match --match 'v*' 2>/dev/null || true)
if [[ -n $tag ]]; then
  [[ $tag == "v$version" ]] || die "the tag is $tag, Cargo.toml says $version: make them the same"
  grep -qF "## [$version]" CHANGELOG.md || die "CHANGELOG.md has no section '## [$version]'"
else
  version=$version~dev.$(TZ=UTC git show -s --format=%cd --date=format-local:%Y%m%d%H%M%S).g$(git rev-parse --short HEAD)
fi
version=${VERSION:-$version}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git show -s --format=%ct)}

# The folder of a target's standard library is there if it is installed.
has_target() { [[ -d $(rustc --print sysroot)/lib/rustlib/$1/lib ]]; }
if (($# > 0)); then
  targets=("$@")
else
  targets=()
  for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do
    if has_target "$target" && { [[ $target == "$host" ]] || command -v cargo-zigbuild >/dev/null; }; then
      targets+=("$target")
    else
      say "$target: left out (rustup target add $target, cargo install cargo-zigbuild --locked)"
    fi
  done
  if ((${#targets[@]} == 0)); then targets=("$host"); fi
fi

# Line tables are useless without the sources.
export CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=debuginfo

build() { # TARGET
  local options=() package
  for package in "${packages[@]}"; do options+=(-p "$package"); done
  if [[ $1 == "$host" ]]; then
    cargo build --release --locked "${options[@]}" --bins
    bin=$release/release
  elif command -v cargo-zigbuild >/dev/null; then
    cargo zigbuild --release --locked --target "$1" "${options[@]}" --bins
    bin=$release/$1/release
  else
    cargo build --release --locked --target "$1" "${options[@]}" --bins
    bin=$release/$1/release
  fi
}

# A program in its place, without function names, which are a quarter of its size.
place() { # TARGET PROGRAM FOLDER
  local strip=strip
  [[ ${1%%-*} == "${host%%-*}" ]] || strip=${1%%-*}-linux-gnu-strip
  install -m 755 "$bin/$2" "$3/"
  if command -v "$strip" >/dev/null; then "$strip" "$3/$2"; fi
}

# Manual pages and completions, which are the same for all: made by the first program that runs here.
describe() { # CALLBRIDGE
  local made=$dist/described shell
  mkdir -p "$made/man"
  "$1" manual --to "$made/man"
  for shell in bash zsh fish; do "$1" completions "$shell" >"$made/$shell"; done
}

unit() { # NAME WHAT COMMAND LISTEN MEMORY
  sed -e "s|@NAME@|callbridge-$1.service|; s|@WHAT@|$2|; s|@COMMAND@|$3|; s|@LISTEN@|$4|; s|@MEMORY@|$5|" \
    deploy/systemd/callbridge.service.in
}

units() { # FOLDER OF-PROGRAMS OF-CALLBRIDGE
  mkdir -p "$1"
  cp deploy/systemd/callbridge.target "$1/"
  unit ingest 'takes the webhooks of Aircall and Sellsy' "$2/ingest" HTTP_LISTEN=127.0.0.1:8080 512M >"$1/callbridge-ingest.service"
  unit resolver 'finds out with whom a call was' "$2/resolver" HTTP_LISTEN=127.0.0.1:8081 256M >"$1/callbridge-resolver.service"
  unit logger 'writes the logs' "$2/logger" HTTP_LISTEN=127.0.0.1:8082 256M >"$1/callbridge-logger.service"
  unit insights 'reads the AI insights' "$2/insights" HTTP_LISTEN=127.0.0.1:8083 256M >"$1/callbridge-insights.service"
  unit followups 'tasks, prospects, comments, reports' "$2/followups" HTTP_LISTEN=127.0.0.1:8084 256M >"$1/callbridge-followups.service"
  unit console 'the pages of the team' "$3/callbridge console" CONSOLE_LISTEN=127.0.0.1:8090 256M >"$1/callbridge-console.service"
}

documents() { # FOLDER
  mkdir -p "$1"
  cp README.md README.fr.md CHANGELOG.md LICENSE SECURITY.md .env.example deploy/rules.example.toml "$1/"
  cp -r docs "$1/docs"
  # They are for the web; the pages name them, so an empty place would be wrong only where a browser shows it.
  rm -rf "$1/docs/images"
}

tarball() { # TARGET
  local name=callbridge-$version-$1 root
  root=$dist/$name
  rm -rf "$root"
  mkdir -p "$root/bin" "$root/share/man" "$root/share/completions" "$root/share/callbridge/sandbox/data"
  for program in "${programs[@]}"; do place "$1" "$program" "$root/bin"; done
  cp -r "$dist/described/man" "$root/share/man/man1"
  cp "$dist/described/bash" "$root/share/completions/callbridge.bash"
  cp "$dist/described/zsh" "$root/share/completions/_callbridge"
  cp "$dist/described/fish" "$root/share/completions/callbridge.fish"
  cp sandbox/data/account.toml "$root/share/callbridge/sandbox/data/"
  units "$root/share/systemd" /usr/local/lib/callbridge /usr/local/bin
  documents "$root/share/doc"
  pack "$dist/$name.tar.gz" "$dist" "$name"
  made+=("$name.tar.gz")
  rm -rf "$root"
}

# Sorted, owned by root, for everybody to read, with the time of the commit.
pack() { # FILE FOLDER NAME
  tar --sort=name --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$2" -cf - "$3" | gzip -9n >"$1"
}

debian() { # TARGET
  local architecture root control lib=usr/lib/callbridge depends
  case $1 in
    x86_64-*) architecture=amd64 ;;
    aarch64-*) architecture=arm64 ;;
    *) say "$1: no Debian package" && return ;;
  esac
  # A musl program needs no library.
  case $1 in
    *-musl) depends='ca-certificates, tzdata' ;;
    *) depends="libc6 (>= $(getconf GNU_LIBC_VERSION | cut -d' ' -f2)), libgcc-s1, ca-certificates, tzdata" ;;
  esac
  root=$dist/debian-$architecture control=$dist/debian-$architecture/DEBIAN
  rm -rf "$root"
  install -d -m 755 "$root" "$control" "$root/$lib" "$root/usr/bin" "$root/usr/sbin" "$root/usr/share/man/man1" "$root/usr/share/callbridge/sandbox/data"
  for program in "${programs[@]}"; do
    case $program in
      callbridge) place "$1" "$program" "$root/usr/bin" ;;
      *) place "$1" "$program" "$root/$lib" ;;
    esac
  done
  install -m 755 deploy/debian/callbridge-setup "$root/usr/sbin/"
  install -m 755 deploy/debian/local-services deploy/debian/start "$root/$lib/"
  units "$root/usr/lib/systemd/system" /usr/lib/callbridge /usr/bin
  install -D -m 644 deploy/debian/sysusers.conf "$root/usr/lib/sysusers.d/callbridge.conf"
  install -m 644 sandbox/data/account.toml "$root/usr/share/callbridge/sandbox/data/"
  for page in "$dist"/described/man/*.1; do gzip -9nc "$page" >"$root/usr/share/man/man1/$(basename "$page").gz"; done
  install -D -m 644 "$dist/described/bash" "$root/usr/share/bash-completion/completions/callbridge"
  install -D -m 644 "$dist/described/zsh" "$root/usr/share/zsh/vendor-completions/_callbridge"
  install -D -m 644 "$dist/described/fish" "$root/usr/share/fish/vendor_completions.d/callbridge.fish"
  documents "$root/usr/share/doc/callbridge"
  mv "$root/usr/share/doc/callbridge/LICENSE" "$root/usr/share/doc/callbridge/copyright"
  chmod -R u=rwX,go=rX "$root/usr"
  sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk "$root/usr" | cut -f1)/" deploy/debian/control.in >"$control/control"
  install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$control/"
  dpkg-deb --root-owner-group -Zxz --build "$root" "$dist/callbridge_${version}_$architecture.deb" >/dev/null
  made+=("callbridge_${version}_$architecture.deb")
  rm -rf "$root"
}

# Every crate of the programs with its version and licence: of callbridge and the workers, whose crates it has, and of the sandbox.
sbom() {
  if ! cargo cyclonedx --version >/dev/null 2>&1; then
    say "no SBOM: cargo install cargo-cyclonedx --locked"
    return
  fi
  cargo cyclonedx --format json --all --override-filename callbridge.cdx >/dev/null
  mv ops/callbridge.cdx.json "$dist/callbridge-$version.cdx.json"
  mv sandbox/callbridge.cdx.json "$dist/callbridge-sandbox-$version.cdx.json"
  made+=("callbridge-$version.cdx.json" "callbridge-sandbox-$version.cdx.json")
  find . -path ./target -prune -o -name 'callbridge.cdx.json' -print -exec rm {} + >/dev/null
}

made=()
mkdir -p "$dist"
rm -rf "$dist/described"
for target in "${targets[@]}"; do
  say "$target: building $version"
  build "$target"
  if [[ ! -d $dist/described ]]; then
    if "$bin/callbridge" --version >/dev/null 2>&1; then
      describe "$bin/callbridge"
    else
      cargo build --release --locked -p ops --bins && describe "$release/release/callbridge"
    fi
  fi
  tarball "$target"
  if command -v dpkg-deb >/dev/null; then debian "$target"; else say "$target: no Debian package without dpkg-deb"; fi
done
rm -rf "$dist/described"
sbom
(cd "$dist" && sha256sum -- "${made[@]}" >SHA256SUMS)
say "in $dist:"
(cd "$dist" && ls -l -- "${made[@]}" SHA256SUMS) >&2
