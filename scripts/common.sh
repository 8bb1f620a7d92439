# Sourced by the other scripts: where the checkout is, how to speak, how to build a preset.
# shellcheck shell=bash

repo=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd -P)
jobs=${RYZ_JOBS:-$(nproc 2>/dev/null || echo 2)}

say() { printf '%s\n' "$*" >&2; }
die() {
  say "$(basename "$0"): $*"
  exit 1
}

# Passes output through to a log and shows ninja's progress: one moving line on a terminal, a line
# every tenth of the way elsewhere.
show_progress() {
  local log=$1 line shown=-1 tenth moving=0
  if [[ -t 2 ]]; then moving=1; fi
  while IFS= read -r line; do
    printf '%s\n' "$line" >>"$log"
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      if ((moving)); then
        printf '\r\033[K%.78s' "$line" >&2
      else
        tenth=$((BASH_REMATCH[1] * 10 / BASH_REMATCH[2]))
        if ((tenth > shown)); then say "  [${BASH_REMATCH[1]}/${BASH_REMATCH[2]}]"; fi
        shown=$tenth
      fi
    fi
  done
  if ((moving)); then printf '\r\033[K' >&2; fi
}

# build_preset PRESET [targets...]: configures and builds; says nothing but progress unless it
# fails. Extra CMake arguments: RYZ_CMAKE_ARGS.
build_preset() {
  local preset=$1 log
  shift
  log=$repo/build/$preset/build.log
  mkdir -p "$repo/build/$preset"
  : >"$log"
  say "building $preset${*:+: $*}"
  # shellcheck disable=SC2086  # several words on purpose
  if ! (cd "$repo" && cmake --preset "$preset" ${RYZ_CMAKE_ARGS:-}) >>"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "cmake --preset $preset failed; all of it: $log"
  fi
  local target_args=()
  if (($#)); then target_args=(--target "$@"); fi
  if ! cmake --build "$repo/build/$preset" --parallel "$jobs" ${target_args[@]+"${target_args[@]}"} 2>&1 |
    show_progress "$log"; then
    grep -v '^\[[0-9]*/[0-9]*\] [BL]' "$log" | tail -n 60 >&2
    die "the $preset build failed; all of it: $log"
  fi
}
