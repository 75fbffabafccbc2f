"""Alerts in the console: groups, what people do about them by keyboard, mutes, responses, stopped tools."""

import json
import sys
import time

import browser
from verify_console import HOSTILE, Api, accessible, heard, narrow, sign_in, until

RULES = {"rules": [{
    "id": "runaway", "scope": "agent", "level": "low", "count": 3, "window_s": 300, "action": "pause",
    "agent": "runaway*", "cool_down_s": 600,
}]}


# Below where a loop is suspected, which is another cause.
MANY = 4


def eventually(what, holds, seconds=20):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


def blocked(api, agent, times=1):
    for n in range(times):
        answer = api("POST", "/api/check", {
            "agent_id": agent, "action_type": "database_write", "run_id": "alerts", "resource": "postgres://prod/customers",
            "arguments": {"sql": f"DELETE FROM customers -- {n}"},
        })
        assert answer["effect"] == "block", answer


def group_of(api, agent, **more):
    def found():
        rows = api("GET", "/api/alert-groups?limit=1000")
        return [g for g in rows if g["agent_id"] == agent and all(g[k] == v for k, v in more.items())]

    return eventually(f"a group of {agent} {more}", found)[0]


def rows(page):
    return page.evaluate("[...document.querySelectorAll('[role=option]')].map((row) => row.innerText)")


def tab(page, name):
    page.evaluate(f"[...document.querySelectorAll('.tabs button')].find((b) => b.textContent === {json.dumps(name)}).click()")


def work_by_keyboard(page, base, api):
    # Alerts of one agent for one cause are one line; another agent's is not hidden by them.
    blocked(api, "billing-bot")
    blocked(api, HOSTILE[:60], MANY)
    eventually("many alerts", lambda: group_of(api, HOSTILE[:60])["count"] == MANY)
    page.open(base + "/alerts")
    until(page, "document.querySelectorAll('[role=option]').length === 2", 20)
    shown = rows(page)
    assert f"{MANY} ×" in shown[0] and "billing-bot" in shown[1], shown
    assert page.evaluate("document.querySelectorAll('[role=option] img, [role=option] a').length") == 0
    accessible(page, "alerts")
    narrow(page, "alerts")
    # Assigned, commented and acknowledged.
    page.press("j")
    page.press("A")
    until(page, "document.querySelector('dialog[open] input') === document.activeElement", 10)
    accessible(page, "who looks after it")
    page.call("Input.insertText", text="ana")
    page.press("Enter")
    heard(page, ".said", "ana looks after it.")
    eventually("it is assigned", lambda: group_of(api, "billing-bot")["assignee"] == "ana")
    page.press("c")
    until(page, "document.querySelector('dialog[open] input') === document.activeElement", 10)
    page.call("Input.insertText", text="a test")
    page.press("Enter")
    heard(page, ".said", "Written down.")
    until(page, "[...document.querySelectorAll('[role=option]')].some((r) => r.innerText.includes('with ana'))", 10)
    page.press("a")
    heard(page, ".said", "Acknowledged.")
    eventually("it is acknowledged", lambda: group_of(api, "billing-bot")["state"] == "acknowledged")
    until(page, "document.querySelectorAll('[role=option]').length === 1", 10)
    notes = api("GET", f"/api/alert-groups/{group_of(api, 'billing-bot')['id']}")["notes"]
    assert [(n["what"], n["text"]) for n in notes] == [("assigned", "ana"), ("comment", "a test"), ("acknowledged", "")], notes
    # Somebody else was faster: the page says so.
    tab(page, "All")
    until(page, "document.querySelectorAll('[role=option]').length === 2", 10)
    group = group_of(api, "billing-bot")
    blocked(api, "billing-bot")
    eventually("it is the newest", lambda: group_of(api, "billing-bot")["count"] == 2)
    until(page, "(document.querySelector('[role=option]')?.innerText ?? '').includes('billing-bot')", 10)
    page.press("k")
    page.press("c")
    until(page, "document.querySelector('dialog[open] input') === document.activeElement", 10)
    api("PATCH", f"/api/alert-groups/{group['id']}", {"version": group["version"], "state": "resolved"})
    page.call("Input.insertText", text="too late")
    page.press("Enter")
    heard(page, "dialog[open] .said", "has changed")
    page.press("Escape")
    until(page, "!document.querySelector('dialog[open]')", 10)
    # What happens again is open again.
    blocked(api, "billing-bot")
    eventually("it is open again", lambda: group_of(api, "billing-bot")["reopened"])
    until(page, "[...document.querySelectorAll('[role=option]')].some((r) => r.innerText.includes('again after it was resolved'))", 10)
    # The frame of the last action.
    page.press("Enter")
    until(page, "location.pathname === '/runs/alerts'", 10)


def mute(page, base, api):
    page.open(base + "/alerts")
    until(page, "document.querySelectorAll('[role=option]').length === 2", 20)
    page.press("m")
    until(page, "document.querySelector('dialog[open] input') === document.activeElement", 10)
    accessible(page, "the question about a mute")
    page.call("Input.insertText", text="known, fixed on Monday")
    page.press("Enter")
    heard(page, ".said", "Muted; it is counted all the same.")
    until(page, "document.querySelectorAll('[role=option]').length === 1", 10)
    [held] = api("GET", "/api/mutes?live=true")
    assert held["reason"] == "known, fixed on Monday" and held["expires_at"] > held["created_at"], held
    tab(page, "Mutes")
    heard(page, "[role=option]", "known, fixed on Monday")
    accessible(page, "mutes")
    page.press("u")
    heard(page, ".said", "It is over.")
    assert api("GET", "/api/mutes?live=true") == []
    tab(page, "Open")
    until(page, "document.querySelectorAll('[role=option]').length === 2", 10)


def respond(page, base, api):
    api("PUT", "/api/response-rules", {"version": 0, **RULES})
    blocked(api, "runaway-bot", 3)
    eventually("it is answered to", lambda: [r for r in api("GET", "/api/responses") if r["result"] == "done"])
    tab(page, "Responses")
    heard(page, "[role=option]", "runaway-bot")
    heard(page, ".response-rules", "3 alerts of level low or worse of one agent within 300 s")
    accessible(page, "responses")
    narrow(page, "responses")
    rules_by_keyboard(page, api)
    assert group_of(api, "runaway-bot", kind="response")["level"] == "critical"
    after = api("POST", "/api/check", {"agent_id": "runaway-bot", "action_type": "file_read", "resource": "/tmp/a"})
    assert after["effect"] == "block", after


def rules_by_keyboard(page, api):
    """A rule is made, refused with its field, changed, and taken away."""

    def rules():
        return {rule["id"]: rule for rule in api("GET", "/api/response-rules")["rules"]}

    def fill(field, text):
        page.fill(f"dialog input[id$='-{field}']", text)

    page.press("n")
    until(page, "document.querySelector('dialog[open]')", 10)
    accessible(page, "a new rule")
    narrow(page, "a new rule")
    fill("id", "runaway")
    page.click("dialog button[type=submit]")
    heard(page, "dialog [role=alert]", "there twice")
    until(page, "document.querySelector(\"dialog input[id$='-id'][aria-invalid=true]\")", 10)
    fill("id", "leaks")
    fill("detector", "pii")
    page.click("dialog button[type=submit]")
    heard(page, ".response-rules .said", "The rule is in force.")
    made = rules()["leaks"]
    assert (made["detector"], made["dry_run"], made["count"]) == ("pii", True, 3), made
    heard(page, ".response-rules ul", "only what pii found")
    page.press("J")
    until(page, "document.querySelector('.response-rules li[aria-current]').textContent.includes('leaks')", 10)
    page.press("e")
    until(page, "document.querySelector('dialog[open]')", 10)
    fill("count", "7")
    page.click("dialog button[type=submit]")
    heard(page, ".response-rules ul", "7 alerts")
    assert rules()["leaks"]["count"] == 7
    page.press("x")
    until(page, "document.querySelector('dialog[open] button.danger')", 10)
    page.click("dialog button.danger")
    heard(page, ".response-rules .said", "The rule is gone.")
    assert list(rules()) == ["runaway"], rules()


def stop_a_tool(page, base, api):
    def send():
        return api("POST", "/api/check", {"agent_id": "poster", "action_type": "llm_call", "tool": "Draft_Mail"})["effect"]

    assert send() != "block"
    page.open(base + "/")
    until(page, "document.querySelector('button.danger:not(:disabled)')", 20)
    page.click("button.danger")
    until(page, "document.querySelector('.tool-stops input')", 10)
    page.fill(".tool-stops input", "draft_*")
    page.click(".tool-stops form button[type=submit]")
    heard(page, ".tool-stops [role=status]", "The tool is stopped.")
    assert send() == "block"
    accessible(page, "stopped tools")
    until(page, "document.querySelector('.tool-stops li button')", 10)
    page.click(".tool-stops li button")
    heard(page, ".tool-stops [role=status]", "The tool may be used again.")
    assert send() != "block"


def journey(base, key):
    api = Api(base, key)
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "!document.querySelector('.sign-in')", 20)
        work_by_keyboard(page, base, api)
        mute(page, base, api)
        respond(page, base, api)
        stop_a_tool(page, base, api)
        assert not page.complaints(), page.complaints()
    return f"{MANY + 1} alerts of two agents in two lines"


if __name__ == "__main__":
    print(journey(*sys.argv[1:3]))
