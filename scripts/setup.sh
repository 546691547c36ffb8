#!/bin/sh
# Make the project's own virtual environment from a lock file. No root needed.
# Usage: setup.sh VENV LOCK STAMP (the stamp file in VENV says that LOCK is installed)
set -eu
venv=$1
lock=$2
stamp=$3
python=${PYTHON:-python3.11}
if ! command -v "$python" >/dev/null 2>&1; then
  if python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    python=python3
  else
    echo "Python 3.11 is missing (PyBullet has no wheels for newer versions)." >&2
    echo "Install it:  sudo apt-get install python3.11 python3.11-venv" >&2
    echo "or with uv:  uv python install 3.11, then  make PYTHON=\$(uv python find 3.11) run" >&2
    exit 1
  fi
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  echo "$python is not Python 3.11. Name one:  make PYTHON=/path/to/python3.11 run" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Python's venv module is missing. Install it:  sudo apt-get install python3.11-venv" >&2
  exit 1
fi
echo "Setting up $venv from $lock (about a minute, once) ..."
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$venv/$stamp"
