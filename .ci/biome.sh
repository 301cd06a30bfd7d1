#!/bin/sh
# Formats and lints JavaScript and CSS by Biome, in the version that package-lock.json names: .ci/biome.sh [--write]
# Once installed it needs no network. Without npm it is left out, and says so.
set -eu
cd "$(dirname "$0")/.."
biome=node_modules/.bin/biome
if ! [ -x "$biome" ] || ! cmp -s package-lock.json node_modules/.lock; then
    if ! command -v npm >/dev/null 2>&1; then
        echo "Biome was left out: JavaScript and CSS are not checked without npm (Debian, Ubuntu: apt-get install npm)." >&2
        exit 0
    fi
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json node_modules/.lock
fi
exec "$biome" check --error-on-warnings "$@"
