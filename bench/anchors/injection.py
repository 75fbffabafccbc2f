"""Verdicts of other detectors for prompt injection on the rows of `xtask eval`.

Reads `{"text", "result"}`, one a line, from the file named first, and writes to the file named
second `{name: {"version", "flags": [0 or 1 per row], "microseconds": median per text}}`.
Default thresholds; a finding about personal data alone is no alarm here.
"""

import importlib.metadata
import json
import logging
import statistics
import sys
import time


def agentbastion():
    from agentbastion import Firewall

    firewall = Firewall()

    def flag(text, result):
        check = firewall.check_tool_result if result else firewall.check_input
        return not check(text).allowed

    return flag


def xaidr():
    from xaidr import Sensor

    # One agent a text: its circuit breaker must not carry over from one row to the next.
    def flag(text, _result):
        found = Sensor(agent_id="evaluation").scan(text)
        category = (found.category or "").lower()
        return found.action not in ("allow", "allowed") and not any(w in category for w in ("pii", "dlp", "secret"))

    return flag


def main(rows_path, out_path):
    logging.disable(logging.CRITICAL)
    with open(rows_path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    out = {}
    for name, make in (("agentbastion", agentbastion), ("xaidr", xaidr)):
        try:
            flag = make()
        except ImportError as error:
            print(f"{name} is not installed, so it is not measured: {error}", file=sys.stderr)
            continue
        flags, times = [], []
        for row in rows:
            start = time.thread_time_ns()
            flags.append(int(bool(flag(row["text"], row["result"]))))
            times.append((time.thread_time_ns() - start) / 1000)
        out[name] = {
            "version": importlib.metadata.version(name),
            "flags": flags,
            "microseconds": round(statistics.median(times), 1),
        }
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(out, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
