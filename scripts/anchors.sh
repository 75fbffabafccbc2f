#!/bin/sh
# Installs the detectors that `xtask eval` measures beside ours; without them it says so and goes on.
venv=target/venv-anchors
[ -f "$venv/.installed-1" ] && exit 0
if python3 -m venv "$venv" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check agentbastion==0.14.0 xaidr==1.21.0
then
    touch "$venv/.installed-1"
else
    echo "the other detectors cannot be installed, so they are not measured"
fi
