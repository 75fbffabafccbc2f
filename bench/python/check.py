"""`check()` beside other products' checks of the same call, in one run.

    scripts/peers.sh && target/venv-peers/bin/python bench/python/check.py

Each product decides on the same `send_email` call of 620 bytes under ten comparable rules; ours also
with its default bundle, all detectors, and the record on disk. Rounds alternate between the
products, so that what else the machine does hits all of them alike. What is not installed is named
and left out.
"""

import argparse
import importlib.metadata
import inspect
import json
import logging
import os
import pathlib
import statistics
import sys
import tempfile
import time
import warnings

ACTION = json.loads((pathlib.Path(__file__).parents[1] / "actions/send_email.json").read_text())
ARGUMENTS = ACTION["arguments"]
#: What the rules of all products look at beside the arguments.
CALL = {"risk": 62, "env": "production", "hour": 14, "calls_last_min": 3, "external": True}

OUR_RULES = """
interlock: 1
default: allow
detectors: {DETECTORS}
rules:
  - {id: r1, match: {tool: [drop, delete, truncate]}, effect: block}
  - {id: r2, match: {tool: [shell_exec]}, effect: block}
  - {id: r3, when: 'context.args has risk && context.args.risk >= 90', effect: block}
  - {id: r4, match: {tool: [sql_write]}, when: 'context.facts.environment == "staging"', effect: block}
  - {id: r5, when: 'context.args has hour && context.args.hour >= 22', effect: require_approval}
  - {id: r6, match: {tool: [read_secret]}, effect: block}
  - {id: r7, when: 'context.args has calls_last_min && context.args.calls_last_min >= 60', effect: block}
  - {id: r8, match: {tool: [refund]}, when: 'context.args has amount && context.args.amount >= 500', effect: require_approval}
  - {id: r9, match: {agent: [intern-bot]}, effect: block}
  - {id: r10, match: {tool: [send_email]}, when: 'context.args has to && context.args.to like "*@partner-corp.com"', effect: alert}
"""
VECTORS = (
    "prompt_injection sql_injection xss exploit_signature pii exfiltration_velocity resource_exhaustion "
    "privilege_escalation session_anomaly rate_limit behavioural_anomaly policy_violation"
).split()

TOOLKIT_RULES = """
apiVersion: governance.toolkit/v1
name: bench
default_action: allow
agents: ['*']
rules:
  - {name: r1, condition: "action.type in ['drop', 'delete', 'truncate']", action: deny}
  - {name: r2, condition: "action.type == 'shell_exec'", action: deny}
  - {name: r3, condition: "action.risk >= 90", action: deny}
  - {name: r4, condition: "action.env == 'staging' and action.tool == 'sql_write'", action: deny}
  - {name: r5, condition: "action.hour >= 22", action: require_approval}
  - {name: r6, condition: "action.tool == 'read_secret'", action: deny}
  - {name: r7, condition: "action.calls_last_min >= 60", action: deny}
  - {name: r8, condition: "action.tool == 'refund' and action.amount >= 500", action: require_approval}
  - {name: r9, condition: "action.agent == 'intern-bot'", action: deny}
  - {name: r10, condition: "action.tool == 'send_email' and action.external", action: warn}
"""

AEGIS_RULES = {
    "version": "1",
    "defaults": {"risk_level": "medium", "approval": "approve"},
    "rules": [
        {"name": "r1", "match": {"type": "drop*"}, "approval": "block"},
        {"name": "r2", "match": {"type": "shell*"}, "approval": "block"},
        {"name": "r3", "match": {"type": "*"}, "conditions": {"param_gte": {"risk": 90}}, "approval": "block"},
        {"name": "r4", "match": {"type": "sql_write", "target": "staging*"}, "approval": "block"},
        {"name": "r5", "match": {"type": "*"}, "conditions": {"param_gte": {"hour": 22}}, "approval": "approve"},
        {"name": "r6", "match": {"type": "read_secret"}, "approval": "block"},
        {"name": "r7", "match": {"type": "*"}, "conditions": {"param_gte": {"calls_last_min": 60}}, "approval": "block"},
        {"name": "r8", "match": {"type": "refund"}, "conditions": {"param_gte": {"amount": 500}}, "approval": "approve"},
        {"name": "r9", "match": {"type": "deploy*"}, "approval": "approve"},
        {"name": "r10", "match": {"type": "send_email"}, "conditions": {"param_matches": {"to": ".*@partner-corp\\.com"}},
         "approval": "approve"},
    ],
}

SPEC_REGO = """package gate
import rego.v1
t := input.tool.name
a := input.policy_target.value
deny contains "r1" if t == "drop"
deny contains "r2" if t == "shell_exec"
deny contains "r3" if a.risk >= 90
deny contains "r4" if { t == "sql_write"; a.env == "staging" }
approve contains "r5" if a.hour >= 22
deny contains "r6" if t == "read_secret"
deny contains "r7" if a.calls_last_min >= 60
approve contains "r8" if { t == "refund"; a.amount >= 500 }
deny contains "r9" if a.agent == "intern-bot"
approve contains "r10" if { a.external; endswith(a.to, "@nowhere.example") }
default verdict := {"decision":"allow"}
verdict := {"decision":"deny","reason":"blocked"} if count(deny) > 0
verdict := {"decision":"deny","reason":"needs_approval","approval":{}} if { count(deny) == 0; count(approve) > 0 }
"""
SPEC_MANIFEST = """agent_control_specification_version: "0.4.0-alpha.1"
metadata: {name: bench}
policies:
  gate: {type: rego, bundle: ./policy, query: data.gate.verdict}
intervention_points:
  pre_tool_call:
    policy_target: "$.tool_call.args"
    policy_target_kind: tool_args
    tool_name_from: "$.tool_call.name"
    policy: {id: gate}
tools:
  send_email: {type: Tool, id: send_email}
"""


def ours(scratch, durability, policy):
    from interlock import Interlock

    engine = Interlock(
        scratch / f"{durability}-{policy.stem if isinstance(policy, pathlib.Path) else policy}",
        agent=ACTION["agent_id"],
        policy=policy,
        environment="production",
        user="alice",
        session="s-81f2",
        durability=durability,
    )

    def call():
        return engine.check(ACTION["action_type"], tool=ACTION["tool"], arguments=ARGUMENTS)

    assert call().allowed, call()
    return call


def our_policies():
    from interlock import Policies

    off = "{" + ", ".join(f"{v}: {{enabled: false}}" for v in VECTORS) + "}"
    policies = Policies(text=OUR_RULES.replace("{DETECTORS}", off))
    arguments = {**ARGUMENTS, "risk": 62, "hour": 14, "calls_last_min": 3}

    def call():
        return policies.evaluate(
            "message_send", "mail", agent="sales-assistant", tool="send_email",
            arguments=arguments, environment="production",
        )

    assert call().rules == ["r10"], call()
    return call


def aegis():
    from aegis.core.action import Action
    from aegis.core.policy import Policy

    policy = Policy.from_dict(AEGIS_RULES)
    params = {**ARGUMENTS, "risk": 62, "hour": 14, "calls_last_min": 3}
    return lambda: policy.evaluate(Action(type="send_email", target="mail", params=params))


def toolkit():
    from agentmesh.governance import govern

    safe = govern(lambda **_: 1, policy=TOOLKIT_RULES)
    arguments = {
        "action": "send_email", "tool": "send_email", "args": ARGUMENTS,
        "agent": "sales-assistant", "user": "alice", "session": "s-81f2", **CALL,
    }
    assert safe(**arguments) == 1
    return lambda: safe(**arguments)


def control_spec():
    from agent_control_spec import ActivatedPolicy
    from agent_hooks import AgentContextBuilder

    policy = ActivatedPolicy.from_memory(SPEC_MANIFEST, {"gate": {"modules": {"gate.rego": SPEC_REGO}}})
    arguments = {**ARGUMENTS, **CALL, "agent": "sales-assistant"}
    builder = AgentContextBuilder(agent_id="sales-assistant", framework="bench", session_id="s-81f2")
    names = {
        "name": "send_email", "tool_name": "send_email", "args": arguments, "arguments": arguments,
        "tool_args": arguments, "id": "c1", "call_id": "c1", "tool_call_id": "c1",
    }
    wanted = inspect.signature(builder.pre_tool_call).parameters
    context = builder.pre_tool_call(**{k: v for k, v in names.items() if k in wanted})
    return lambda: policy.evaluate("pre_tool_call", context)


def measured(contenders, rounds, seconds):
    """Times of each call in microseconds, by contender; rounds of `seconds` each, in turn."""
    times = {name: [] for name in contenders}
    cpu = dict.fromkeys(contenders, 0)
    clock = time.perf_counter_ns
    for call in contenders.values():
        for _ in range(200):
            call()
    for _ in range(rounds):
        for name, call in contenders.items():
            own, started, spent = times[name], clock(), time.process_time_ns()
            until = started + int(seconds * 1e9)
            while True:
                before = clock()
                call()
                after = clock()
                own.append((after - before) / 1000)
                if after > until:
                    break
            cpu[name] += time.process_time_ns() - spent
    return times, {name: cpu[name] / len(times[name]) / 1000 for name in contenders}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--seconds", type=float, default=0.3, help="of each contender in each round")
    options.add_argument("--json", action="store_true")
    options = options.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as directory:
        scratch = pathlib.Path(directory)
        wanted = {
            "interlock, full check, batch": lambda: ours(scratch, "batch", "default"),
            "interlock, full check, strict": lambda: ours(scratch, "strict", "default"),
            "agent-governance-toolkit-core, govern()": toolkit,
            "agent-control-spec, evaluate()": control_spec,
            "interlock, ten rules alone": our_policies,
            "agent-aegis, ten rules alone": aegis,
        }
        contenders = {}
        for name, make in wanted.items():
            try:
                contenders[name] = make()
            except ImportError as error:
                print(f"{name} is not measured: {error}", file=sys.stderr)
        times, cpu = measured(contenders, options.rounds, options.seconds)
        rows = {}
        for name, own in times.items():
            own.sort()
            rows[name] = {
                "median_us": round(statistics.median(own), 2),
                "p99_us": round(own[int(len(own) * 0.99)], 2),
                "cpu_us": round(cpu[name], 2),
                "calls": len(own),
            }
        if options.json:
            print(json.dumps(rows, indent=2))
            return
        for package in ("agent-governance-toolkit-core", "agent-control-spec", "agent-aegis"):
            try:
                print(package, importlib.metadata.version(package))
            except importlib.metadata.PackageNotFoundError:
                pass
        print(f"{'one check of a 620-byte action':44} {'median us':>10} {'p99 us':>10} {'cpu us':>10} {'calls':>8}")
        for name, row in rows.items():
            print(f"{name:44} {row['median_us']:10} {row['p99_us']:10} {row['cpu_us']:10} {row['calls']:8}")
        median = {name: row["median_us"] for name, row in rows.items()}
        for ours_, theirs, limit in (
            ("interlock, full check, batch", "agent-governance-toolkit-core, govern()", 0.3),
            ("interlock, full check, batch", "agent-control-spec, evaluate()", 0.3),
            ("interlock, ten rules alone", "agent-aegis, ten rules alone", 1),
        ):
            if ours_ in median and theirs in median:
                ratio = median[ours_] / median[theirs]
                print(f"{ours_} / {theirs}: {ratio:.2f} (at most {limit})")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
