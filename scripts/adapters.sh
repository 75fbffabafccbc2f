#!/bin/sh
# Installs the agent frameworks that the tests of the adapters run, into virtual environments below
# target/. Every version is fixed in scripts/adapters/.
set -eu
venv=$1
install() {
    stamp="$venv-$1/.installed-1"
    [ -f "$stamp" ] && return
    echo "installing $1 into $venv-$1"
    python3 -m venv "$venv-$1"
    # It reads no configuration of the machine and resolves nothing: the files name all packages.
    "$venv-uv/bin/uv" pip install --quiet --no-config --no-deps --compile-bytecode \
        --python "$venv-$1/bin/python" -r "scripts/adapters/$1.txt"
    touch "$stamp"
}
if [ ! -x "$venv-uv/bin/uv" ]; then
    python3 -m venv "$venv-uv"
    "$venv-uv/bin/pip" install --quiet --disable-pip-version-check uv==0.9.9
fi
install frameworks
install crewai
