#!/usr/bin/env python3
"""Writes the seeds and dictionaries of the fuzz targets below fuzz/corpus.

Seeds are the texts that the tests already hold; words are the string literals of the code that the
target reads with. Names of seeds are digests, so that a second run adds what is new.
"""

import hashlib
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = ROOT / "crates/interlock-core"
POLICY = ROOT / "crates/interlock-policy"
FILTER = ROOT / "crates/interlock-filter"
CORPUS = ROOT / "fuzz/corpus"
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
WORD_BYTES_MAX = 24
WORDS_MAX = 1_500


def quoted(files):
    """Inputs of case files: consecutive lines after `>` are one."""
    for file in files:
        lines = []
        for line in [*file.read_text().splitlines(), ""]:
            if line.startswith(">"):
                lines.append(line[1:].removeprefix(" "))
            elif lines:
                yield "\n".join(lines)
                lines = []


ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|([nt\\]))")


def detector_cases(files):
    """Cases of detectors: `- ` lines without their code and settings, escapes undone."""
    for file in files:
        for line in file.read_text().splitlines():
            if not line.startswith("- "):
                continue
            line = re.sub(r"^- (?:`[\w-]+` |[a-z -]+, \w+: )?", "", line)
            text = line.split("|", 1)[1].strip() if line.startswith("@ ") else line
            if text:
                yield ESCAPE.sub(
                    lambda m: chr(int(m[1], 16)) if m[1] else {"n": "\n", "t": "\t"}.get(m[2], m[2]), text
                ).replace("{}", "")


def first_columns(file):
    for line in file.read_text().splitlines():
        if line and not line.startswith("#") and " | " in line:
            yield line.split(" | ")[0]


def literals(files):
    for file in files:
        for line in file.read_text().splitlines():
            if line.lstrip().startswith("//"):
                continue
            for found in LITERAL.findall(line):
                found = found.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
                if len(found) > 1:
                    yield found


def bundles():
    for file in sorted(POLICY.glob("bundles/*.yaml")):
        yield file.read_text()
    cases = (POLICY / "tests/cases/diagnostics.txt").read_text()
    for case in re.split(r"^=====.*\n", cases, flags=re.M):
        source = case.split("\n-----\n")[0]
        for part in re.split(r"^#####", source, flags=re.M):
            name, _, text = part.partition("\n")
            if text:
                yield ("\x01" if name.strip().endswith(".cedar") else "") + text


def conditions():
    for text in bundles():
        for found in re.findall(r"when:\s*(.+?)(?:\s*\}\s*)?$", text, flags=re.M):
            yield found.strip("'\"")


def filters():
    cases = json.loads((FILTER / "tests/cases.json").read_text())
    yield from (case[1] for key in ("accepted", "refused") for case in cases[key])
    yield from (case[0] for case in cases["matches"])


def notes():
    root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    line = "\u2014 example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
    yield f"example.com/log\n20852163\n{root}\n"
    yield f"example.com/log\n20852163\n{root}\n\n{line}\n"
    yield f"c2sp.org/tlog-proof@v1\nextra {root}\nindex 4\n{root}\n{root}\n\nexample.com/log\n11\n{root}\n\n{line}\n"
    yield "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    yield '{"v":1,"ts":"2026-11-21T04:00:00.000000000Z","kind":"decision","x":1}'


def alterations():
    yield bytes([0, 3, 60, 1])
    for op in range(16):
        yield bytes([op, 6, 2, 1, 13, 0, 0, 0])
        yield bytes([op, 11, 40, 3])
        yield bytes([13, 0, 0, 0, op, 8, 1, 2])
    yield b"\xff" + bytes(200)


def records():
    """Bodies of decisions, with and without what may be left out."""
    head = '{"v":1,"ts":"2026-01-14T10:00:00.000000000Z","kind":"decision","id":"0198c0de-0000-7000-8000-000000000001","tenant":"default","agent":"a","run":"r","run_seq":1,"session":"s"'
    for kind, facts in (
        ("file_read", '{"action":{"read":true,"bytes":30,"hour":10,"weekday":3,"can_wait":true},"path":{"present":true,"parsed":true,"name":"/srv/a"}}'),
        ("message_send", '{"action":{"side_effect":true,"outbound":true,"environment":"prod"},"url":{"present":true,"hosts":["a.example"]}}'),
    ):
        yield (
            head + f',"type":"{kind}","tool":"t","resource":"/srv/a","action_hash":"{"0" * 64}","effect":"allow","decided":"allow",'
            '"risk":12,"dims":[10,0,0,30,0,0,0],"terms":[],"findings":[["pii.email",80,"arguments.to",0,4]],"vectors":4095,'
            '"rules":[["r","rule","alert",1,0],["loop","system","block",0,0]],"shadow":[],"reasons":[["rule","x"]],'
            f'"facts":{facts},"readings":{{"agent_known":true,"limits":[["{"0" * 16}",2,0,0]]}},"program":"{"0" * 64}",'
            f'"settings":["{"0" * 16}"],"engine":"0.1.0","state":{{"at":1768384800000000000,"type":1,'
            f'"limits":[["{"0" * 16}","calls",1,5,3600000]]}},"assurance":"cooperative","approval":"x"}}'
        )


def source(*patterns):
    return sorted(f for p in patterns for f in CORE.glob("src/" + p))


actions = [f.read_text() for f in sorted((ROOT / "bench/actions").glob("*.json"))]
actions += first_columns(CORE / "tests/cases/facts/actions.txt")
sql = list(quoted([CORE / "tests/cases/sql.md"]))
sql += (CORE / "tests/cases/sql_statements.sql").read_text().splitlines()
shell = list(quoted([CORE / "tests/cases/shell.md"]))
detected = list(
    detector_cases([*sorted(CORE.glob("tests/cases/detectors/*.md")), CORE / "tests/cases/obfuscation.md"])
)
markup = list(detector_cases([CORE / "tests/cases/detectors/xss.md"]))
markup += list(literals([CORE / "tests/detectors_properties.rs"]))
detectors = source("detectors/**/*.rs", "privacy/**/*.rs", "text/*.rs")
threats = detected + [t for t in literals(detectors) if len(t) > 8]
policy = sorted(POLICY.glob("src/*.rs"))

TARGETS = {
    "action_json": (actions, source("model/action.rs", "model/value.rs")),
    "condition": (list(conditions()), policy + source("facts/*.rs", "facts/*/mod.rs")),
    "decode": (threats, source("text/*.rs")),
    "filter": (list(filters()), [FILTER / "src/fields.rs"]),
    "html": (markup, source("detectors/xss.rs", "detectors/xss/*.rs")),
    "mask": (threats, source("privacy/**/*.rs")),
    "normalise": (threats, source("text/*.rs")),
    "note_checkpoint": (list(notes()), source("audit/*.rs")),
    "path": (list(first_columns(CORE / "tests/cases/facts/paths.txt")), source("facts/path.rs")),
    "policy_yaml": (list(bundles()), policy),
    "recorded": (list(records()), source("audit/recorded.rs", "program/replay.rs", "facts/*.rs", "facts/*/mod.rs", "state/readings.rs")),
    "scan": (threats + sql + shell, detectors),
    "shell": (shell, source("facts/shell/**/*.rs")),
    "sql": (sql, source("facts/sql/*.rs")),
    "url": (list(first_columns(CORE / "tests/cases/facts/urls.txt")), source("facts/url/*.rs")),
    "verify": (list(alterations()), []),
}

for target, (seeds, files) in TARGETS.items():
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        data = seed if isinstance(seed, bytes) else seed.encode()
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = sorted({w for w in literals(files) if len(w.encode()) <= WORD_BYTES_MAX})
    lines = ['"' + "".join(f"\\x{b:02x}" for b in w.encode()) + '"' for w in words[:WORDS_MAX]]
    (CORPUS / f"{target}.dict").write_text("".join(f"{line}\n" for line in lines))
    print(f"{target}: {len(seeds)} seeds, {len(lines)} words")
