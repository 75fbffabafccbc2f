"""Budgets in the console: set, edited and removed by keyboard, and what agents draw on them."""

import json
import sys

import browser
from verify_console import HOSTILE, Api, accessible, heard, narrow, sign_in, until
from verify_console_alerts import eventually, group_of

AGENT = HOSTILE[:40]


def call(api, agent, cost):
    action = {"agent_id": agent, "action_type": "llm_call", "tool": "model", "cost_usd": cost}
    return api("POST", "/api/check", action)


def field(page, label, text):
    """Fills the field of the dialog that has this label."""
    page.evaluate(
        f"[...document.querySelectorAll('dialog label')].find((l) => l.textContent === {json.dumps(label)}).control.setAttribute('data-now', '')")
    page.fill("dialog [data-now]", text)
    page.evaluate("document.querySelector('dialog [data-now]').removeAttribute('data-now')")


def set_by_keyboard(page, base, api):
    page.open(base + "/")
    until(page, "document.querySelector('nav')", 20)
    page.press("g", "b")
    heard(page, "main", "No budget is set")
    page.press("n")
    until(page, "document.querySelector('dialog[open] [data-first]') === document.activeElement", 10)
    page.call("Input.insertText", text="team")
    accessible(page, "a new budget")
    page.press("Enter")
    heard(page, "dialog [role=alert]", "A budget limits money, calls, or both.")
    field(page, "USD", "10")
    page.press("Enter")
    heard(page, ".said", "Budget team is in force.")
    [budget] = api("GET", "/api/budgets")
    assert budget["limit_usd"] == "10" and budget["scope"] == "tenant" and budget["thresholds"] == [50, 80, 100], budget


def drawn(page, base, api):
    id = call(api, AGENT, "6")["id"]
    until(page, "document.querySelector('[data-purse=tenant][data-percent=\"60\"]')", 20)
    heard(page, "[data-purse=tenant]", "6 of 10 USD")
    heard(page, "[data-purse=tenant]", "in flight")
    label = page.evaluate("document.querySelector('.budget-bar').getAttribute('aria-label')")
    assert label.startswith("6 of 10 USD"), label
    # An agent's name is text, with what it hides.
    shown = page.evaluate("document.querySelector('.purse-top').innerText")
    assert "\u202e" not in shown, shown
    api("POST", f"/api/actions/{id}/outcome", {"status": "succeeded", "cost_usd": "9"})
    until(page, "document.querySelector('[data-purse=tenant][data-percent=\"90\"]')", 20)
    refused = call(api, AGENT, "1.01")
    assert refused["effect"] == "block" and "budget.exceeded" in json.dumps(refused["reasons"]), refused
    accessible(page, "budgets")
    narrow(page, "budgets")
    # People are told, in Alerts.
    assert group_of(api, "", kind="budget", level="critical")
    page.open(base + "/")
    until(page, "document.querySelector('[data-spent]')", 20)
    heard(page, "[data-spent]", "9 of 10 USD of budget team")


def edited_and_removed(page, base, api):
    page.open(base + "/budgets")
    until(page, "document.querySelector('[data-budget=team]')", 20)
    page.press("e")
    until(page, "document.querySelector('dialog[open]')", 10)
    field(page, "USD", "20")
    page.click("dialog button[type=submit]")
    heard(page, ".said", "Budget team is in force.")
    until(page, "document.querySelector('[data-purse=tenant][data-percent=\"45\"]')", 20)
    assert call(api, AGENT, "1.01")["effect"] != "block"
    page.press("x")
    until(page, "document.querySelector('dialog[open] [data-first]') === document.activeElement", 10)
    page.press("Enter")
    heard(page, ".said", "Budget team holds no more.")
    eventually("it is gone", lambda: api("GET", "/api/budgets") == [])


def journey(base, key):
    api = Api(base, key)
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "!document.querySelector('.sign-in')", 20)
        set_by_keyboard(page, base, api)
        drawn(page, base, api)
        edited_and_removed(page, base, api)
        assert not page.complaints(), page.complaints()
    return "a budget set, drawn on, told of, raised and removed"


if __name__ == "__main__":
    print(journey(*sys.argv[1:3]))
