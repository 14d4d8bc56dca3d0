#!/bin/sh
# Installs teleport-event-handler: install.sh [--version X.Y.Z] [--prefix FOLDER]
#
# Downloads the archive for this machine, compares it with its checksum, and installs the program to
# FOLDER/bin: PREFIX or /usr/local for root, ~/.local for anyone else. Needs no root. Proxies are those
# of curl or wget (https_proxy, no_proxy). TELEPORT_EVENT_HANDLER_DOWNLOAD_URL names a mirror, which
# has the files where GitHub has them: URL/download/vX.Y.Z/… and URL/latest/download/….
set -eu

# The only place that says where the project lives.
repository=OWNER/teleport-event-handler

program=teleport-event-handler
url=${TELEPORT_EVENT_HANDLER_DOWNLOAD_URL:-https://github.com/$repository/releases}
url=${url%/}

say() {
  echo "install.sh: $1" >&2
}

fail() {
  say "$1"
  exit 1
}

has() {
  command -v "$1" > /dev/null 2>&1
}

usage() {
  echo "usage: install.sh [--version X.Y.Z] [--prefix FOLDER]" >&2
}

find_platform() {
  system=$(uname -s)
  machine=$(uname -m)
  unsupported="There is no executable for $system on $machine; run it from source: https://github.com/$repository"
  # A shell that is itself translated says that the machine is an older one.
  if [ "$system" = Darwin ] && [ "$(sysctl -n sysctl.proc_translated 2> /dev/null || true)" = 1 ]; then
    machine=arm64
  fi
  case $machine in
    x86_64 | amd64) machine=amd64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) fail "$unsupported" ;;
  esac
  case $system in
    Linux)
      refuse_musl
      echo "linux-$machine"
      ;;
    Darwin) echo "darwin-$machine" ;;
    MINGW* | MSYS* | CYGWIN*)
      fail "On Windows, download the archive for windows-amd64 and put the program where you want it: $url"
      ;;
    *) fail "$unsupported" ;;
  esac
}

refuse_musl() {
  getconf GNU_LIBC_VERSION > /dev/null 2>&1 && return 0
  case $(ldd --version 2>&1 || true) in
    *musl*) fail "The executable needs glibc, and this system has musl (Alpine Linux?): use the container image, or a system with glibc" ;;
  esac
}

# download URL FILE
download() {
  if has curl; then
    protocols=http,https
    case $1 in https:*) protocols=https ;; esac
    progress=--silent
    [ ! -t 2 ] || progress=--progress-bar
    curl --fail --location --show-error "$progress" --proto "=$protocols" --retry 3 \
      --connect-timeout 30 --output "$2" "$1"
  elif has wget; then
    wget -q -t 3 -T 30 -O "$2" "$1"
  else
    fail "Neither curl nor wget is there to download with: install one of them"
  fi || fail "Cannot download $1: is there such a release, and does the network need a proxy (https_proxy)?"
}

sha256_of() {
  if has sha256sum; then
    sha256sum < "$1"
  elif has shasum; then
    shasum -a 256 < "$1"
  elif has openssl; then
    openssl dgst -sha256 -r < "$1"
  else
    fail "Nothing is there to compare the checksum with: install sha256sum, shasum or openssl"
  fi | cut -d ' ' -f 1
}

cleanup() {
  [ -z "$work" ] || rm -rf "$work"
}

# All is in functions that are called by the last line, so that half a script does nothing.
main() {
  version=
  prefix=
  while [ $# -gt 0 ]; do
    case $1 in
      --version=*) version=${1#*=} ;;
      --prefix=*) prefix=${1#*=} ;;
      --version | --prefix)
        [ $# -gt 1 ] || {
          usage
          exit 2
        }
        if [ "$1" = --version ]; then version=$2; else prefix=$2; fi
        shift
        ;;
      --help | -h)
        usage
        exit 0
        ;;
      *)
        usage
        exit 2
        ;;
    esac
    shift
  done
  version=${version#v}
  [ -z "$prefix" ] || export PREFIX="$prefix"

  platform=$(find_platform)
  work=
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  work=$(mktemp -d "${TMPDIR:-/tmp}/$program.XXXXXX")

  release=latest/download
  [ -z "$version" ] || release=download/v$version
  download "$url/$release/SHA256SUMS" "$work/SHA256SUMS"
  archive=$(sed -n "s/^[0-9a-f]\{64\}  \($program-v[0-9A-Za-z.+-]*-$platform-bin\.tar\.gz\)\$/\1/p" \
    "$work/SHA256SUMS" | head -n 1)
  [ -n "$archive" ] || fail "The release at $url/$release has nothing for $platform"
  # What came out in the meantime must not be mixed up with what was named.
  if [ -z "$version" ]; then
    version=${archive#"$program-v"}
    version=${version%"-$platform-bin.tar.gz"}
  fi

  say "downloading $archive"
  download "$url/download/v$version/$archive" "$work/$archive"
  expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$work/SHA256SUMS" | head -n 1)
  actual=$(sha256_of "$work/$archive")
  [ "$actual" = "$expected" ] ||
    fail "The checksum of $archive is wrong, so nothing was installed: $actual instead of $expected"

  tar -xzf "$work/$archive" -C "$work" || fail "Cannot unpack $archive"
  sh "$work/$program/install"
}

main "$@"
