#!/bin/sh
# Formats and lints JavaScript and CSS with Biome, in the version that package-lock.json pins: .ci/biome.sh [--write]
# Once installed, it needs no network. Without npm it skips the check and says so.
set -eu
cd "$(dirname "$0")/.."
biome=node_modules/.bin/biome
if ! [ -x "$biome" ] || ! cmp -s package-lock.json node_modules/.lock; then
    if ! command -v npm >/dev/null 2>&1; then
        echo "Skipped Biome: checking JavaScript and CSS needs npm (Debian, Ubuntu: apt-get install npm)." >&2
        exit 0
    fi
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json node_modules/.lock
fi
exec "$biome" check --error-on-warnings "$@"
