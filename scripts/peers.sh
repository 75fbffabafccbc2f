#!/bin/sh
# Installs the products that `bench/python/check.py` measures beside ours, and the package itself.
set -eu
venv=${1:-target/venv-peers}
[ -d "$venv" ] || python3 -m venv "$venv"
if [ ! -f "$venv/.installed-1" ]
then
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        agent-aegis==1.0.0 agent-governance-toolkit-core==5.0.0 agt-policies==5.0.0
    "$venv/bin/pip" install --quiet --disable-pip-version-check --pre agent-control-spec==0.4.0b1 agent-hooks-sdk==0.1.0b2
    touch "$venv/.installed-1"
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps ./crates/interlock-python
