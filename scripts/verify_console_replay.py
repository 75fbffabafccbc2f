#!/usr/bin/env python3
"""Replays a long run with the console of a running server in a headless Chromium, as a person does: steps,
jumps to what was stopped and to both ends, and follows links to single frames. Prints what each takes.

    verify_console_replay.py BASE KEY

5,000 frames; INTERLOCK_SOAK=1 makes it 100,000.
"""

import argparse
import http.client
import json
import os
import threading
import time

import browser
from verify_console import Api, heard, sign_in, until

SOAK = bool(os.environ.get("INTERLOCK_SOAK"))
FRAMES = 100_000 if SOAK else 5_000
# Milliseconds in which the next frame must stand. A limit of the long run alone, at the median, because what
# else the machine does is no part of it; the other figures are printed.
STEP_MS_MAX = 50
STEPS = 200
# One frame in so many is stopped.
STOPPED_EVERY = FRAMES // 50
RUN = "long"


def frame(n):
    common = {"run_id": RUN, "step": n}
    if n % STOPPED_EVERY == STOPPED_EVERY // 2:
        # By another agent each, so that the breaker of none stops what follows.
        return {**common, "agent_id": f"stopped-{n}", "action_type": "command_execution", "tool": "shell",
                "resource": "host", "arguments": {"command": "rm -rf / --no-preserve-root"}}
    return {**common, "agent_id": "scanner", "action_type": "file_read", "tool": "read", "resource": f"/srv/data/{n}.csv"}


def record(base, key):
    """The run, over a few connections; its frames are in about the order of their steps."""
    todo, lock, failed = iter(range(FRAMES)), threading.Lock(), []

    def work():
        connection = http.client.HTTPConnection(base.split("//")[1], timeout=120)
        while not failed:
            with lock:
                n = next(todo, None)
            if n is None:
                return
            connection.request("POST", "/api/check", json.dumps(frame(n)), {"x-api-key": key, "content-type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                failed.append(f"{answer.status} {said[:300]}")

    workers = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed, failed[0]


# Presses keys one after the other and measures each until another frame stands.
PRESS = """(async (keys) => {
    const times = [];
    const shown = () => document.querySelector('[data-frame]')?.dataset.frame;
    for (const key of keys) {
        const was = shown();
        const begun = performance.now();
        document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        while (shown() === was || shown() === undefined) {
            if (performance.now() - begun > 20000) throw new Error(`${key} shows no other frame than ${was}`);
            await new Promise((r) => setTimeout(r, 0));
        }
        times.push(performance.now() - begun);
        await new Promise((r) => setTimeout(r, 5));
    }
    return times;
})"""


def pressed(page, keys):
    return page.evaluate(f"{PRESS}({json.dumps(keys)})")


def at(times, percent):
    times = sorted(times)
    return times[max(0, -(-len(times) * percent // 100) - 1)]


def figure(what, times, limit=""):
    text = f"p50 {at(times, 50):.0f} ms, p95 {at(times, 95):.0f} ms, p99 {at(times, 99):.0f} ms"
    print(f"figure | replay: {what} | run of {FRAMES} frames | {text} | {limit}", flush=True)


def linked(page, base, seq):
    """Follows a link to a frame from outside; milliseconds until it stands."""
    page.open("about:blank")
    begun = time.monotonic()
    page.open(f"{base}/runs/{RUN}?frame={seq}")
    until(page, f"document.querySelector('[data-frame=\"{seq}\"]')", 120)
    return (time.monotonic() - begun) * 1000


def journey(base, key):
    api = Api(base, key)
    begun = time.monotonic()
    record(base, key)
    recorded_s = time.monotonic() - begun
    # What is recorded is listed a moment later.
    while (listed := api("GET", f"/api/actions?run_id={RUN}&limit=1"))[0]["step"] < FRAMES - 16:
        time.sleep(0.1)
    seqs = []
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')", 20)
        begun = time.monotonic()
        page.open(f"{base}/runs/{RUN}")
        until(page, "document.querySelector('[data-loaded=true]')", 300)
        loaded_ms = (time.monotonic() - begun) * 1000
        heard(page, ".screen-head", f"{FRAMES:,} frames", 60)
        rows = page.evaluate("document.querySelectorAll('.replay [role=option]').length")
        assert rows < 80, f"{rows} rows exist"
        print(f"figure | replay: all frames in the page | run of {FRAMES} frames | {loaded_ms:.0f} ms |", flush=True)
        pressed(page, ["End"])
        ends = pressed(page, ["Home", "End"] * 10)
        pressed(page, ["Home"])
        steps = pressed(page, ["ArrowRight"] * STEPS)
        seqs.append(int(page.evaluate("document.querySelector('[data-frame]').dataset.frame")))
        steps += pressed(page, ["ArrowLeft"] * (STEPS // 2))
        blocks = pressed(page, ["b"] * 40 + ["B"] * 10)
        heard(page, ".split-detail", "rm -rf")
        seqs += [listed[0]["seq"], (seqs[0] + listed[0]["seq"]) // 2]
        links = [linked(page, base, seq) for seq in seqs]
        until(page, "document.querySelector('[data-loaded=true]')", 300)
        # The address stays where the link led.
        assert page.evaluate("document.querySelector('[data-frame]').dataset.frame") == str(seqs[-1])
    figure("step to the next or the last frame", steps, f"{STEP_MS_MAX} ms")
    figure("jump to a stopped frame", blocks)
    figure("jump to the beginning or the end", ends)
    figure("link to a frame, the page loaded anew", links)
    p50 = at(steps, 50)
    assert not SOAK or p50 <= STEP_MS_MAX, f"a step takes {p50:.0f} ms at the median, the limit is {STEP_MS_MAX}"
    size = f"{FRAMES:,} frames" + ("" if SOAK else " (INTERLOCK_SOAK=1: 100,000)")
    return f"{size} recorded in {recorded_s:.0f} s; a step takes {p50:.0f} ms at p50, {at(steps, 95):.0f} at p95, {at(steps, 99):.0f} at p99"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base")
    parser.add_argument("key")
    options = parser.parse_args()
    print(journey(options.base, options.key))
