#!/bin/sh
# Finds a Python that is new enough and runs setup.py with it, which creates .venv: .ci/setup.sh [dev]
set -eu
here=$(dirname "$0")
for python in python3.11 python3.12 python3.13 python3.14 python3; do
    if command -v "$python" >/dev/null 2>&1 &&
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$python" -I "$here/setup.py" "$@"
    fi
done
echo "Unstuck needs Python 3.11 or newer, and none was found; install it (Debian, Ubuntu: apt-get install python3)." >&2
exit 1
