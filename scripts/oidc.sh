#!/bin/sh
# Installs an identity provider of others, at which people sign in, into a virtual environment below
# target/.
set -eu
venv=$1-oidc
stamp="$venv/.installed-1"
[ -f "$stamp" ] && exit 0
echo "installing an identity provider into $venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check oidc-provider-mock==0.3.4
touch "$stamp"
