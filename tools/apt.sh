# Debian packages and their sources without installing anything; sourced after common.sh, not run.

# private_apt DIRECTORY TYPES [ARCHITECTURE]: sets apt to an apt-get that knows the machine's own
# package sources, for the TYPES "deb", "deb-src" or both, and keeps all it has in DIRECTORY. Copies,
# because the machine's lists need not say "deb-src" or have a foreign architecture, and it isn't for
# a build to change them.
private_apt() {
  local directory=$1 types=$2 architecture=${3:-$(dpkg --print-architecture)}
  local parts=$directory/parts file type
  rm -rf "$directory"
  mkdir -p "$parts" "$directory/lists/partial" "$directory/cache/archives/partial"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -r "$file" ] || continue
    for type in $types; do
      sed -n "s/^[[:space:]]*deb[[:space:]]/$type /p" "$file"
    done >"$parts/$(basename "$file" .list).list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -r "$file" ] || continue
    sed "s/^Types:.*/Types: $types/" "$file" >"$parts/$(basename "$file")"
  done
  : >"$directory/status"
  # Without a sandbox user: the user whom apt otherwise changes to need not be able to read build/.
  apt=(apt-get -q -y
    -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$parts"
    -o Dir::State::lists="$directory/lists" -o Dir::Cache="$directory/cache"
    -o Dir::State::status="$directory/status"
    -o APT::Architecture="$architecture" -o APT::Architectures::="$architecture"
    -o APT::Sandbox::User="$(id -un)"
    -o Acquire::Retries=3 -o Acquire::http::Timeout=60 -o Acquire::https::Timeout=60)
}

# get_source PACKAGE VERSION: into the current directory; another version if the package sources
# have moved on.
get_source() {
  timeout 300 "${apt[@]}" source "$1=$2" || timeout 300 "${apt[@]}" source "$1"
}
