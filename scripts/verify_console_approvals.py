#!/usr/bin/env python3
"""Approvals in the console of a running server, by keyboard in a headless Chromium: an agent of the Python
package pauses, a person reads, edits and approves, the agent goes on with what was edited, the frame stands
in the replay with both and with who did it, and its proof is verified in the browser. Then batches, several
people, rules for a while, taking an answer back, and an inbox that is far too long.

    verify_console_approvals.py BASE KEY [PYTHON]

BASE is the address of a fresh server, KEY a key of role admin, PYTHON an interpreter that has the package
`interlock` (by default the one that scripts/wheel.py made).
"""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import browser
from verify_console import Api, HOSTILE, accessible, heard, narrow, place, sign_in, until

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / "target" / "wheel" / "venv" / "bin" / "python"
# Approvals that wait in the inbox that is too long.
INBOX = 100_000 if os.environ.get("INTERLOCK_SOAK") else 2_500
STEP_MS_MAX = 50

POLICY = """interlock: 1
default: allow
rules:
  - id: refunds
    match: { action: [payment], tool: ["refund*"] }
    effect: require_approval
    approvers: { group: finance, timeout: 4h }
  - id: payouts
    match: { action: [payment], tool: ["payout*"] }
    effect: require_approval
    approvers: { group: finance, quorum: 2, timeout: 4h }
  - id: no-wires
    match: { action: [payment], resource: ["bank://*"] }
    effect: block
"""

AGENT = r"""
import json, sys
from interlock import Interlock

base, key, data, to = sys.argv[1:]
il = Interlock(data, server=base, api_key=key, agent="refund-bot", mode="remote", approval="wait", approval_timeout=120)

@il.guard(action_type="file_read", resource="orders/2026-11.csv")
def orders():
    return "17 orders"

@il.guard(action_type="payment", resource="stripe://refunds")
def refund(amount, to, note=None):
    print("RAN " + json.dumps({"amount": amount, "to": to, "note": note}), flush=True)
    return f"sent {amount}"

with il.scope(run="refunds of November", user="kim"):
    orders()
    print("ASKS", flush=True)
    refund(900, to, note="for ann@example.com")
il.close()
print("DONE", flush=True)
"""


def missing(python=PYTHON):
    """What this cannot run without, or None."""
    if not pathlib.Path(python).exists():
        return "the Python package is not built (scripts/wheel.py)"
    return None


def chord(page, key, **more):
    """Presses a key with Ctrl."""
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=key, modifiers=2, **more)


def send(page):
    """Ctrl and Enter."""
    chord(page, "Enter", windowsVirtualKeyCode=13)


def write(page, selector, text):
    """As a person who selects everything in the field that has the focus, and writes."""
    assert page.evaluate(f"document.activeElement === document.querySelector({json.dumps(selector)})"), selector
    page.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
    page.call("Input.insertText", text=text)


def waiting(api, count=1, seconds=20):
    deadline = time.monotonic() + seconds
    while len(found := api("GET", "/api/approvals?limit=1000")) < count:
        assert time.monotonic() < deadline, f"{len(found)} approvals wait, not {count}"
        time.sleep(0.05)
    return found


def state(api, id):
    return api("GET", f"/api/approvals/{id}")["state"]


def edits(page, base, api, python):
    """The whole way, from the agent that pauses to the proof."""
    agent_key = api("POST", "/api/keys", {"role": "agent", "agent_id": "refund-bot"})["key"]
    said = []
    with tempfile.TemporaryDirectory(prefix="interlock-agent-") as data:
        agent = subprocess.Popen(
            [python, "-c", AGENT, base, agent_key, data, HOSTILE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=lambda: said.extend(agent.stdout), daemon=True).start()
        try:
            [asked] = waiting(api)
            id = asked["id"]
            page.open(base + "/approvals")
            until(page, "document.querySelectorAll('[role=option]').length === 1", 20)
            page.press("j")
            heard(page, ".detail", "Why you are asked")
            for part in ("The three steps before", "orders", "refunds", "changes something", "finance"):
                heard(page, ".detail", part)
            assert "ann@example.com" not in page.evaluate("document.body.innerText"), "personal data is masked"
            page.press("e")
            area = "dialog[open] textarea[data-editor]"
            until(page, f"document.querySelector('{area}') === document.activeElement", 10)
            before = page.evaluate(f"document.querySelector('{area}').value")
            assert "\\u202e" in before and "\\u200b" in before and "\u202e" not in before, before
            assert "ann@example.com" not in before, before
            assert page.evaluate("document.querySelector('dialog [type=submit]').disabled"), "nothing is changed yet"
            # What is wrong is said with its line, and cannot be sent.
            write(page, area, before.replace('"amount": 900', '"amount": 9x'))
            until(page, "document.querySelector('[data-edit=wrong]')", 10)
            heard(page, "[data-edit]", "Line 2, column ")
            send(page)
            assert page.evaluate("Boolean(document.querySelector('dialog[open]'))")
            accessible(page, "an edit that is wrong")
            # What would be blocked cannot be agreed to: the server says so before anybody tries.
            write(page, area, before.replace('"amount": 900', '"amount": 90.50'))
            until(page, "document.querySelector('[data-preview=found]')", 20)
            page.fill("dialog[open] form input", "bank://wires")
            heard(page, ".foreseen", "Nobody can agree to it")
            heard(page, ".foreseen", "no-wires")
            assert page.evaluate("document.querySelector('dialog [type=submit]').disabled")
            page.fill("dialog[open] form input", "stripe://refunds")
            until(page, "document.querySelector('[data-preview=found] .effect-require_approval')", 20)
            assert page.evaluate("document.querySelectorAll('dialog .changes tbody tr').length") == 1, "one argument was changed"
            heard(page, "dialog .changes", "/amount")
            heard(page, "dialog .changes", "90.50")
            accessible(page, "an edit")
            narrow(page, "an edit")
            page.evaluate(f"document.querySelector('{area}').focus()")
            # On its way, and taken back: nothing is sent.
            send(page)
            until(page, "document.querySelector('[data-outgoing=waiting]')", 10)
            said_there = page.evaluate("[document.querySelector('.outbox').innerText, document.querySelector('.answer-bar .primary').disabled]")
            page.press("u")
            assert "Undo" in said_there[0] and said_there[1], said_there
            until(page, "!document.querySelector('[data-outgoing]')", 10)
            time.sleep(5.5)
            assert state(api, id) == "pending", "an answer that was taken back is not sent"
            assert not any(line.startswith("RAN") for line in said), said
            # Once more, and for good.
            page.press("e")
            until(page, f"document.querySelector('{area}') === document.activeElement", 10)
            write(page, area, before.replace('"amount": 900', '"amount": 90.50'))
            until(page, "document.querySelector('[data-preview=found]') && !document.querySelector('dialog [type=submit]').disabled", 20)
            agreed = page.evaluate("document.querySelector('.foreseen code').innerText")
            send(page)
            until(page, "document.querySelector('[data-outgoing=waiting]')", 10)
            page.press("U")
            heard(page, "[data-said]", "You approved the edited action. The agent may run exactly that, once.")
            assert agent.wait(60) == 0, "".join(said)
        finally:
            agent.kill()
            agent.wait()
    ran = [json.loads(line[4:]) for line in said if line.startswith("RAN ")]
    assert ran == [{"amount": 90.5, "to": HOSTILE, "note": "for ann@example.com"}], said
    review = api("GET", f"/api/approvals/{id}")
    assert review["state"] == "executed", review["state"]
    assert review["proposed_hash"].startswith(agreed) and review["proposed_hash"] != review["action_hash"], "what was seen is what was granted"
    heard(page, ".detail", "approved and done")
    heard(page, "[data-edited]", "Edited by")
    # The frame has both, and who did it.
    done = next(a for a in api("GET", "/api/actions?agent_id=refund-bot&limit=50") if a["action_type"] == "payment" and a["outcome"] == "succeeded")
    page.open(f"{base}/runs/refunds%20of%20November?frame={done['seq']}")
    until(page, f"document.querySelector('[data-frame=\"{done['seq']}\"][data-ready=true]')", 20)
    for part in ("Edited by", "/amount", "900", "90.5"):
        heard(page, "[data-frame] [data-edited]", part)
    editor = api("GET", "/api/whoami")["subject"]
    heard(page, "[data-frame] [data-edited]", editor)
    accessible(page, "an edited frame")
    narrow(page, "an edited frame")
    page.press("v")
    until(page, "document.querySelector('[data-verdict=ok]')", 20)
    steps = page.evaluate("[...document.querySelectorAll('.proof-steps li')].map((s) => s.dataset.outcome)")
    assert steps == ["ok", "ok", "ok"], steps


def ask(api, tool, amount, run="batches", **more):
    answer = api("POST", "/api/check", {
        "agent_id": "pay-bot", "action_type": "payment", "tool": tool, "resource": f"stripe://{tool}s", "run_id": run,
        "session_id": "s1", "arguments": {"amount": amount, "to": f"customer {amount}"}, **more})
    return answer


def batches(page, base, api):
    ids = [ask(api, "refund", n)["approval_id"] for n in (1, 2, 3, 4)]
    waiting(api, 4)
    page.open(base + "/approvals")
    until(page, "document.querySelectorAll('[role=option]').length === 4", 20)
    page.press("j", "J", "J", "x")
    heard(page, ".batch-bar", "3 chosen")
    accessible(page, "a choice")
    # Somebody else is faster with one of them.
    page.press("A")
    until(page, "document.querySelector('dialog[open] form[data-answer=batch-approve]')", 10)
    assert page.evaluate("document.querySelectorAll('dialog [data-batch=taken]').length") == 3
    heard(page, "dialog", "Approve 3?")
    accessible(page, "a batch")
    narrow(page, "a batch")
    other = api("POST", "/api/keys", {"role": "approver", "label": "bo"})["key"]
    Api(base, other)("POST", f"/api/approvals/{ids[1]}/decide", {"decision": "deny"})
    page.press("Enter")
    until(page, "document.querySelector('[data-outgoing=waiting]')", 10)
    # Elsewhere in the console it still goes out.
    page.press("g", "n")
    until(page, "location.pathname === '/'", 10)
    page.press("g", "a")
    page.press("U")
    until(page, "!document.querySelector('[data-outgoing=waiting]')", 10)
    deadline = time.monotonic() + 10
    while state(api, ids[2]) == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [state(api, id) for id in ids] == ["approved", "denied", "approved", "pending"]
    heard(page, ".outbox", "2 of 3 are approved")
    accessible(page, "what became of a batch")
    page.evaluate("[...document.querySelectorAll('.outbox button')].find((b) => b.innerText === 'Each').click()")
    until(page, "document.querySelectorAll('[data-results] [data-result=done]').length === 2", 10)
    heard(page, "[data-results] [data-result=not]", "denied, decided before")
    page.press("Escape")
    until(page, "!document.querySelector('dialog[open]')", 10)
    until(page, "document.querySelectorAll('[role=option]').length === 1", 10)
    page.press("j")
    until(page, "document.querySelector('.answer-bar .danger:not(:disabled)')", 10)
    page.press("d")
    until(page, "document.querySelector('dialog[open] textarea') === document.activeElement", 10)
    page.call("Input.insertText", text="not this one")
    send(page)
    page.press("U")
    heard(page, "[data-said]", "You denied it.")


def several(page, base, api):
    """Two people: the console says who has signed and who must; one alone is not enough."""
    id = ask(api, "payout", 480)["approval_id"]
    waiting(api)
    page.open(f"{base}/approvals/{id}")
    heard(page, ".detail", "2 more must sign")
    page.press("a")
    until(page, "document.querySelector('dialog[open] form')", 10)
    page.press("Enter")
    page.press("U")
    heard(page, "[data-said]", "You agreed: 1 of 2 so far. The agent goes on waiting.")
    heard(page, ".votes", "agreed")
    heard(page, ".detail", "1 more must sign")
    heard(page, ".detail", "You have agreed already. It needs somebody else.")
    assert page.evaluate("document.querySelector('.answer-bar .primary').disabled")
    accessible(page, "half of two")
    api("POST", f"/api/approvals/{id}/cancel")
    heard(page, ".detail", "withdrawn")
    # The first one edits it: the second sees the edit, and agrees to that.
    id = ask(api, "payout", 470)["approval_id"]
    waiting(api)
    cy = Api(base, api("POST", "/api/keys", {"role": "approver", "label": "cy"})["key"])
    cy("POST", f"/api/approvals/{id}/decide", {"decision": "edit", "patch": [{"op": "replace", "path": "/amount", "value": 4}]})
    page.open(f"{base}/approvals/{id}")
    heard(page, "[data-edited]", "Edited by cy")
    heard(page, ".changes", "470")
    heard(page, ".votes", "to the edit that they made")
    page.press("a")
    until(page, "document.querySelector('dialog[open] .changes')", 10)
    page.press("Enter")
    page.press("U")
    heard(page, "[data-said]", "You approved")
    assert state(api, id) == "approved_edited"
    api("POST", f"/api/approvals/{id}/cancel")


def for_a_while(page, base, api):
    id = ask(api, "refund", 80, run="nightly")["approval_id"]
    waiting(api)
    page.open(f"{base}/approvals/{id}")
    heard(page, ".detail", "If you approve")
    page.press("s")
    until(page, "document.querySelector('dialog[open] form[data-answer=session]')", 10)
    heard(page, "[data-rule]", "up to 5 times within this run")
    heard(page, "[data-rule]", "amount: as it was")
    page.evaluate("""(() => { const [amount, to] = document.querySelectorAll('dialog .argument select');
        const set = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set;
        for (const [select, value] of [[amount, 'max'], [to, 'any']]) { set.call(select, value); select.dispatchEvent(new Event('change', { bubbles: true })); }
    })()""")
    heard(page, "[data-rule]", "amount: at most 80")
    heard(page, "[data-rule]", "to: anything")
    accessible(page, "a rule for a while")
    narrow(page, "a rule for a while")
    page.click("dialog button[type=submit]")
    until(page, "document.querySelector('[data-outgoing=waiting]')", 20)
    page.press("U")
    heard(page, "[data-said]", "You approved it.")
    assert ask(api, "refund", 70, run="nightly")["effect"] in ("allow", "alert"), "within the rule nobody is asked"
    assert ask(api, "refund", 90, run="nightly")["effect"] == "require_approval", "above it somebody is"
    page.open(base + "/approvals?show=rules")
    heard(page, "[data-session-rule=live]", "1 of 5 times")
    heard(page, "[data-session-rule=live]", "at most 80")
    accessible(page, "rules for a while")
    narrow(page, "rules for a while")
    page.click("[data-session-rule=live] button.danger")
    until(page, "document.querySelector('[data-session-rule=over]')", 10)
    heard(page, "[data-session-rule=over]", "taken back by")
    assert ask(api, "refund", 60, run="nightly")["effect"] == "require_approval"
    for left in waiting(api):
        api("POST", f"/api/approvals/{left['id']}/cancel")


def typed(page, base, api):
    """What is severe is typed. The risk is what the server says; here something before it says more."""
    id = ask(api, "refund", 11)["approval_id"]
    page.open(base + "/approvals")
    until(page, "document.querySelectorAll('[role=option]').length === 1", 20)
    page.evaluate("""(() => { const real = window.fetch; window.fetch = async (url, options) => {
        const answer = await real(url, options);
        if (!String(url).includes('/api/approvals')) return answer;
        return new Response((await answer.text()).replace(/"risk":\\d+/g, '"risk":92'), { status: answer.status });
    }; return 0; })()""")
    page.press("j")
    heard(page, ".detail .risk", "92")
    page.press("s")
    assert not page.evaluate("document.querySelector('dialog[open]')"), "nothing for a while that is severe"
    page.press("a")
    until(page, "document.querySelector('dialog[open] input') === document.activeElement", 10)
    page.press("Enter")
    assert page.evaluate("document.querySelector('dialog [type=submit]').disabled")
    page.call("Input.insertText", text="approve")
    page.press("Enter")
    until(page, "document.querySelector('[data-outgoing=waiting]')", 10)
    # Whoever signs out, or leaves the page, has sent nothing.
    page.evaluate("sessionStorage.clear(), [...document.querySelectorAll('nav button')].find((b) => b.innerText.includes('Sign out')).click()")
    until(page, "document.querySelector('.sign-in input')", 10)
    time.sleep(5.5)
    assert state(api, id) == "pending"
    api("POST", f"/api/approvals/{id}/cancel")


def palette(page, base):
    page.open(base + "/approvals")
    until(page, "document.querySelector('nav')", 20)
    chord(page, "k")
    until(page, "document.querySelector('dialog.palette[open] input') === document.activeElement", 10)
    accessible(page, "the palette")
    page.call("Input.insertText", text="gorun")
    page.press("Enter")
    until(page, "location.pathname === '/runs'", 10)
    chord(page, "k")
    until(page, "document.querySelector('dialog.palette[open]')", 10)
    page.call("Input.insertText", text="#2")
    page.press("Enter")
    until(page, "location.pathname === '/audit/2'", 10)
    page.press("g", "a")
    until(page, "location.pathname === '/approvals'", 10)
    assert place(page) == "/approvals"


def crowded(page, base, api):
    """An inbox that nobody reads to its end is usable all the same."""
    todo, lock = iter(range(INBOX)), threading.Lock()

    def work():
        connection = http.client.HTTPConnection(base.split("//")[1], timeout=60)
        while True:
            with lock:
                n = next(todo, None)
            if n is None:
                return
            action = {"agent_id": f"bot-{n % 40}", "action_type": "payment", "tool": "refund", "resource": f"stripe://refunds/{n}",
                      "run_id": f"run-{n % 900}", "arguments": {"amount": n, "to": f"customer {n}"}}
            connection.request("POST", "/api/check", json.dumps(action), {"x-api-key": api.key, "content-type": "application/json"})
            connection.getresponse().read()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    page.open(base + "/approvals")
    heard(page, ".count", "and there are more")
    assert page.evaluate("document.querySelectorAll('[role=option]').length") < 80
    page.press("j")
    until(page, "document.querySelector('[role=option][aria-selected=true]')", 10)
    took = page.evaluate("""(async () => {
        const times = [];
        for (let i = 0; i < 40; i += 1) {
            const was = location.pathname + document.querySelector('[aria-selected=true]').id;
            const begun = performance.now();
            document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
            while (location.pathname + document.querySelector('[aria-selected=true]')?.id === was) await new Promise((r) => setTimeout(r, 0));
            times.push(performance.now() - begun);
            await new Promise((r) => setTimeout(r, 5));
        }
        return times.sort((a, b) => a - b);
    })()""")
    p50 = took[len(took) // 2]
    assert p50 <= STEP_MS_MAX, f"a step takes {p50:.0f} ms at the median, the limit is {STEP_MS_MAX}"
    # The last of what is listed brings what follows.
    page.press("Escape")
    page.click(".count button")
    heard(page, ".count", "400")
    # What goes above moves nothing that is looked at.
    page.evaluate("document.querySelector('.virtual').scrollTop = 60 * 100")
    seen = "(() => { const box = document.querySelector('.virtual').getBoundingClientRect(); const at = document.elementFromPoint(box.x + 40, box.y + 30); return at.closest('[role=option]').innerText; })()"
    time.sleep(0.3)
    before = page.evaluate(seen)
    for gone in api("GET", "/api/approvals?limit=5"):
        api("POST", f"/api/approvals/{gone['id']}/cancel")
    first = page.evaluate("document.querySelector('.virtual').scrollTop")
    until(page, f"document.querySelector('.virtual').scrollTop !== {first}", 30)
    after = page.evaluate(seen)
    name = lambda text: text.split("stripe://")[1].split()[0]
    assert name(before) == name(after), (before, after)
    return p50


def journey(base, key, python=PYTHON):
    api = Api(base, key)
    api("POST", "/api/bundle", {"name": "team.yaml", "text": POLICY})
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')", 20)
        edits(page, base, api, python)
        batches(page, base, api)
        several(page, base, api)
        for_a_while(page, base, api)
        palette(page, base)
        complaints = page.complaints()
        assert not complaints, complaints
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')", 20)
        typed(page, base, api)
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')", 20)
        p50 = crowded(page, base, api)
    size = f"{INBOX:,} that wait" + ("" if os.environ.get("INTERLOCK_SOAK") else " (INTERLOCK_SOAK=1: 100,000)")
    return f"edited, approved and verified by keyboard; a step among {size} takes {p50:.0f} ms at the median"


if __name__ == "__main__":
    print(journey(*sys.argv[1:]))
