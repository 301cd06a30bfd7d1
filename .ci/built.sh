#!/bin/sh
# Builds ui/assets/icons.json from the npm package that .ci/built/package-lock.json pins, and needs npm.
# Run it after a change of .ci/built or for a new icon, and commit what it writes.
set -eu
cd "$(dirname "$0")/built"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp package.json package-lock.json "$folder"
here=$(pwd)
cd "$folder"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
node "$here/build.mjs"
