#!/usr/bin/env python3
"""What-if in the console: from a frame to a rule with its test by keyboard, what it would have changed,
and a draft over a range.

    verify_console_whatif.py BASE KEY

BASE is the address of a fresh server, KEY a key of role admin.
"""

import sys

import browser
import verify_console
from verify_console import Api, accessible, heard, narrow, place, sign_in, until

RUN = "what-if/reads"
READS = 12


def record(api):
    done = []
    for step in range(READS):
        path = f"/srv/app/docs/{step}.md"
        done.append(api("POST", "/api/check", {
            "agent_id": "reader", "action_type": "file_read", "tool": "read_file", "run_id": RUN, "step": step,
            "resource": path, "arguments": {"path": path, "note": verify_console.HOSTILE}}))
    assert all(d["effect"] in ("allow", "alert") for d in done), done
    return done


def rule(page, base, done):
    """From the frame, by `m`, to the editor with rule, test and what it would have changed."""
    page.open(f"{base}/runs/{RUN.replace('/', '%2F')}?frame={done[3]['record']['seq']}")
    until(page, "document.querySelector('[data-make-rule]')")
    page.press("m")
    heard(page, "dialog[open]", "Make a rule of this action")
    page.evaluate("[...document.querySelectorAll('dialog[open] button')].find((b) => b.innerText === 'Draft it').click()")
    until(page, "document.querySelector('[data-editor]') && location.pathname.startsWith('/policies/')")
    text = page.evaluate("document.querySelector('[data-editor]').value")
    assert "/srv/app/docs/*" in text and "tests:" in text, text
    assert "\u202e" not in text.split("tests:")[0], text
    heard(page, ".editor-state", "1 of 1 tests pass")
    until(page, "document.querySelector('.what-if')", 30)
    flips = page.evaluate("Number(document.querySelector('.what-if').dataset.flips)")
    assert flips == READS, flips
    heard(page, ".what-if", "read_file")
    accessible(page, "a rule from a frame")
    # A key on the table opens the first of them.
    page.press("Escape")
    page.evaluate("document.activeElement?.blur()")
    page.press("Enter")
    until(page, "location.pathname.startsWith('/runs/')")


def draft(page, base):
    page.open(base + "/what-if")
    until(page, "document.querySelector('main [data-editor]')")
    page.fill("main [data-editor]", "interlock: 1\nrules:\n  - { id: by-note, match: { tool: [read_file] }, when: 'args has note', effect: block }\n")
    page.evaluate("[...document.querySelectorAll('main button')].find((b) => b.innerText === 'What would it have done?').click()")
    until(page, "document.querySelector('.what-if')", 30)
    unknown = page.evaluate("Number(document.querySelector('.what-if').dataset.unknown)")
    assert unknown == READS, unknown
    heard(page, "[data-code=argument]", "args.note")
    accessible(page, "what if")
    narrow(page, "what if")
    page.fill("main [data-editor]", "interlock: 1\nnonsense: 1\n")
    page.evaluate("[...document.querySelectorAll('main button')].find((b) => b.innerText === 'What would it have done?').click()")
    heard(page, "main", "nonsense")


def journey(base, key):
    api = Api(base, key)
    done = record(api)
    with browser.Page(1280, 900) as page:
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')")
        rule(page, base, done)
        draft(page, base)
        complaints = [c for c in page.complaints() if "status of 422" not in c]
        assert not complaints, complaints
        assert place(page) == "/what-if"
    return f"{READS} actions flip under the rule of one of them"


if __name__ == "__main__":
    print(journey(*sys.argv[1:3]))
