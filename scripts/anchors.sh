#!/bin/sh
# Installs the detectors that `xtask eval` measures beside ours; without them it says so and goes on.
venv=target/venv-anchors
[ -d "$venv" ] || python3 -m venv "$venv" || exit 0
install() {
    [ -f "$venv/.installed-$1" ] && return
    mark=$1
    shift
    if "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
    then
        touch "$venv/.installed-$mark"
    else
        echo "$* cannot be installed, so they are not measured"
    fi
}
install injection-1 agentbastion==0.14.0 xaidr==1.21.0
install personal-1 presidio-analyzer==2.2.366 Faker==40.54.0 python-stdnum==2.2
exit 0
