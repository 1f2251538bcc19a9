#!/bin/sh
# Runs a command that needs the npm packages of a folder, with a Node.js that can run them.
#
#   with_npm_packages.sh FOLDER COMMAND [ARGUMENT]...
#
# Without them it ends with 77, which ctest takes for skipped, and says what to do.
npm=$(dirname "$0")/../../build/npm
folder=$1
shift
if [ ! -e "$npm/$folder/installed" ]; then
  echo "skipped: needs tools/npm-install $folder"
  exit 77
fi
PATH=$npm/tools/node/bin:$PATH exec "$@"
