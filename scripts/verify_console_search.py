#!/usr/bin/env python3
"""Searches with the console of a running server in a headless Chromium, as a person does: types a
filter with what is offered, is told what is wrong with it, follows a link and comes back, and
compares two runs.

    verify_console_search.py BASE KEY
"""

import argparse
import json

import browser
from verify_console import Api, accessible, heard, narrow, sign_in, until

ROWS = "document.querySelectorAll('main [role=listbox]:not(.filter-offer) [role=option]').length"


def prepare(api):
    """Two runs that differ in three places."""
    for run, steps in (("compared one", "abcd"), ("compared/two", "abXde")):
        for n, name in enumerate(steps):
            api("POST", "/api/check", {
                "agent_id": "comparer", "action_type": "file_read", "tool": "fs.read", "run_id": run, "step": n,
                "resource": f"/srv/compared/{name}.csv", "arguments": {"limit": 10 if name != "d" else len(steps)},
            })


def search(page, base):
    page.open(base + "/actions")
    until(page, f"{ROWS} > 5", 20)
    page.press("/")
    until(page, "document.activeElement.matches('[data-filter]')", 10)
    page.call("Input.insertText", text="age")
    until(page, "document.querySelectorAll('.filter-offer [role=option]').length === 1", 10)
    page.press("ArrowDown")
    page.press("Enter")
    page.call("Input.insertText", text="compar")
    until(page, "document.querySelector('.filter-offer')?.innerText.includes('agent:comparer')", 10)
    accessible(page, "a filter with what is offered")
    page.press("ArrowDown")
    page.press("Enter")
    until(page, f"{ROWS} === 9", 20)
    heard(page, "main .count", "all there are")
    page.call("Input.insertText", text=" resuorce:*X*")
    heard(page, ".filter-said", "column 16: actions have no field `resuorce`; did you mean `resource`?")
    assert page.evaluate(ROWS) == 9, "the last filter that was right stays in force"
    page.fill("[data-filter]", "agent:comparer resource:*x*")
    until(page, f"{ROWS} === 1", 20)
    until(page, "new URLSearchParams(location.search).get('q') === 'agent:comparer resource:*x*'", 10)
    # Into the run and back: the filter is still there, and so it is for whoever gets the address.
    page.evaluate("document.activeElement.blur()")
    page.press("Enter")
    until(page, "location.pathname.startsWith('/runs/')", 20)
    page.evaluate("history.back()")
    until(page, f"document.querySelector('[data-filter]')?.value === 'agent:comparer resource:*x*' && {ROWS} === 1", 20)
    page.open(base + page.evaluate("location.pathname + location.search"))
    until(page, f"document.querySelector('[data-filter]')?.value === 'agent:comparer resource:*x*' && {ROWS} === 1", 20)
    narrow(page, "search")
    page.size(1280, 900)


def runs(page, base):
    page.open(base + "/runs?q=" + "run%3Acompared*")
    until(page, f"{ROWS} === 2", 20)
    accessible(page, "runs that a filter lets through")
    page.press("Enter")
    until(page, "document.querySelector('[data-loaded=true]')", 20)
    page.press("Escape")
    until(page, f"document.querySelector('[data-filter]')?.value === 'run:compared*' && {ROWS} === 2", 20)


def compare(page, base):
    page.open(base + "/runs/compared%20one")
    until(page, "document.querySelector('[data-loaded=true]')", 20)
    page.press("d")
    until(page, "document.activeElement.matches('form input')", 20)
    page.call("Input.insertText", text="compared/two")
    page.press("Enter")
    until(page, "document.querySelectorAll('.diff > li').length >= 3", 20)
    heard(page, "main", "of 5 steps are the same")
    said = page.evaluate("document.querySelector('.diff').innerText")
    assert "c.csv" in said and "X.csv" in said and "e.csv" in said, said
    accessible(page, "two runs compared")
    narrow(page, "two runs compared")
    page.size(1280, 900)


def journey(base, key):
    api = Api(base, key)
    prepare(api)
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')", 20)
        search(page, base)
        runs(page, base)
        compare(page, base)
        complaints = page.complaints()
        assert not complaints, complaints
    return "a filter typed, kept in the address, and two runs compared"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("key")
    options = parser.parse_args()
    print(json.dumps(journey(options.base.rstrip("/"), options.key)))
