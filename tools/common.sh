# Shared by the scripts beside this file; sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me="tools/$(basename "$0")"

# Where tools/npm-install puts Node.js if the system's is too old. The system's npm may need its own.
own_node="$root/build/npm/tools/node/bin"
system_path=${PATH#"$own_node:"}
PATH="$own_node:$system_path"

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi

say() { printf '%s%s:%s %s\n' "$bold" "$me" "$plain" "$*"; }
die() {
  printf '%s: %s\n' "$me" "$*" >&2
  exit 1
}

# step WHAT COMMAND...: runs a command whose output only matters if it fails. On a terminal one line
# shows that it goes on; the output is kept in build/log.
step() {
  local what=$1 name log started=$SECONDS
  shift
  mkdir -p "$root/build/log"
  name=$(printf '%s' "$what" | tr -cs 'A-Za-z0-9' '-')
  log="$root/build/log/${name%-}.log"
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  trap 'kill "$pid" 2>/dev/null || true; trap - INT TERM; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    # ninja counts its steps: [12/80]
    if [ -t 1 ]; then
      printf '\r\e[K%s %s%s%s' "$what" "$dim" "$(tail -c 400 "$log" | grep -o '^\[[0-9]*/[0-9]*\]' | tail -n 1 || true)" "$plain"
    fi
    sleep 0.2
  done
  trap - INT TERM
  if ! wait "$pid"; then
    [ -t 1 ] && printf '\r\e[K'
    tail -n 40 "$log" >&2
    die "$what failed; all of its output is in ${log#"$root"/}"
  fi
  [ -t 1 ] && printf '\r\e[K'
  say "$what: done in $((SECONDS - started)) s"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  local targets=()
  [ $# -gt 0 ] && targets=(--target "$@")
  cd "$root"
  step "configuring ($preset)" cmake --preset "$preset"
  step "building ($preset)" cmake --build --preset "$preset" "${targets[@]}"
}
