#!/usr/bin/env python3
"""Drives verifiers/verify.html in a headless Chromium, as its reader would.

    verify_page.py LOG --vkey VKEY --checkpoint FILE [--binary INTERLOCK] [--screenshots DIR]
    verify_page.py LOG --vkey VKEY --checkpoint FILE --speed

LOG is a log directory that is intact. The page is opened from the disk, as an auditor opens it;
every verdict is held against that of `interlock audit verify`. --speed prints entries a second.
"""

import argparse
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

import browser

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = (ROOT / "verifiers" / "verify.html").as_uri()
# Another key than that of any log: the example of the C2SP notes.
FOREIGN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SEGMENT_HEADER = 4096
DONE = "!document.getElementById('verify').disabled && document.getElementById('verdict').innerText"


def expected(binary, log, vkey, checkpoint):
    args = [binary, "audit", "verify", log, "--vkey", vkey]
    if checkpoint:
        args += ["--checkpoint", checkpoint]
    printed = subprocess.run(args, capture_output=True, text=True, timeout=300).stdout
    return printed.splitlines()[0]


def altered(log, into):
    """A copy of the log with one bit of the middle record's body flipped."""
    copy = pathlib.Path(into) / "altered"
    shutil.copytree(log, copy, ignore=shutil.ignore_patterns("reserve"))
    segment = sorted((copy / "journal").glob("*.seg"))[0]
    data, records, at = bytearray(segment.read_bytes()), [], SEGMENT_HEADER
    while at + 4 <= len(data) and (length := int.from_bytes(data[at : at + 4], "little")):
        records.append(at)
        at += (96 + length + 7) // 8 * 8
    data[records[len(records) // 2] + 96 + 130] ^= 1
    segment.write_bytes(data)
    return copy


def zipped(log, into):
    path = pathlib.Path(into) / "evidence.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(pathlib.Path(log).rglob("*")):
            kind = zipfile.ZIP_STORED if file.name == "genesis.json" else zipfile.ZIP_DEFLATED
            if file.is_file() and file.name != "reserve":
                archive.write(file, f"evidence/log/{file.relative_to(log)}", compress_type=kind)
    return path


def no_network(page):
    """The journeys asked nothing of the network, and what would is refused before it leaves."""
    urls = {e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"}
    assert urls == {PAGE}, urls
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"127.0.0.1:{listener.getsockname()[1]}"
        refused = page.evaluate(f"""(async () => {{
            const refused = [], stopped = new Set();
            document.addEventListener("securitypolicyviolation", (e) => stopped.add(e.effectiveDirective));
            await fetch("http://{url}/fetch").catch(() => refused.push("fetch"));
            for (const [tag, attribute] of [["img", "src"], ["script", "src"]]) {{
                const element = document.createElement(tag);
                const settled = new Promise((done) => {{
                    element.onload = done;
                    element.onerror = () => {{ refused.push(tag); done(); }};
                }});
                element[attribute] = `http://{url}/${{tag}}`;
                document.head.append(element);
                await settled;
            }}
            await new Promise((done) => {{
                const web = new WebSocket("ws://{url}/socket");
                web.onopen = done;
                web.onerror = () => {{ refused.push("socket"); done(); }};
            }}).catch(() => refused.push("socket"));
            navigator.sendBeacon("http://{url}/beacon", "x");
            await new Promise((done) => setTimeout(done, 200));
            return [refused, [...stopped].sort()];
        }})()""")
        listener.settimeout(0.2)
        try:
            listener.accept()
            raise AssertionError("the page reached the network")
        except TimeoutError:
            pass
    wanted = [["fetch", "img", "script", "socket"], ["connect-src", "img-src", "script-src-elem"]]
    assert refused == wanted, refused


def verdict(page):
    line = page.until(DONE, 300)
    return line, page.evaluate("document.getElementById('result').className")


def journeys(log, vkey, checkpoint, binary, screenshots=None):
    """Runs all of them; answers what was seen. Raises at the first that goes wrong."""
    log, seen = pathlib.Path(log).resolve(), 0
    shot = lambda name, **how: screenshots and page.screenshot(f"{screenshots}/{name}.png", **how)
    note = pathlib.Path(checkpoint).read_text()
    with tempfile.TemporaryDirectory() as scratch, browser.Page() as page:
        page.open(PAGE)
        shot("empty")

        # The log before the key: nothing runs until both are there and the button is pressed.
        page.choose("#folder", log)
        page.until("document.getElementById('chosen').innerText.includes('segment')")
        page.click("#verify")
        line, kind = verdict(page)
        assert (line, kind) == ("signature trust", "bad"), (line, kind)

        page.fill("#vkey", vkey)
        page.click("#verify")
        page.until("document.getElementById('result').className === 'warn'")
        line, kind = verdict(page)
        assert line == expected(binary, log, vkey, None) and line.startswith("ok "), line
        assert "No checkpoint of your own" in page.text("#caveats")

        page.fill("#notes", note)
        page.click("#verify")
        page.until("document.getElementById('caveats').innerText.includes('No checkpoint') === false")
        line, kind = verdict(page)
        assert line == expected(binary, log, vkey, checkpoint), line
        assert kind == ("warn" if " unsigned=" in line else "ok"), kind
        logs = int(re.search(r" logs=(\d+)", line)[1])
        assert page.evaluate("document.querySelectorAll('#logs tbody tr').length") == logs
        intact, seen = line, seen + 3
        shot("intact")
        shot("intact-dark", dark=True)

        # A file picked runs at once, as the key is there.
        damaged = altered(log, scratch)
        page.choose("#folder", damaged)
        page.until("document.getElementById('result').className === 'bad'")
        line, _ = verdict(page)
        assert line == expected(binary, damaged, vkey, checkpoint), line
        seq = re.fullmatch(r"altered seq=(\d+) log=\d+", line)[1]
        assert page.text("#headline") == "The record was altered"
        assert f"Entry {seq} of log" in page.text("#meaning"), page.text("#meaning")
        seen += 1
        shot("altered")

        page.drop("#drop", log)
        page.until(f"document.getElementById('verdict').innerText === {intact!r}", 300)
        archive = zipped(log, scratch)
        page.drop("#drop", damaged)
        page.until("document.getElementById('result').className === 'bad'", 300)
        page.choose("#zip", archive)
        page.until(f"document.getElementById('verdict').innerText === {intact!r}", 300)
        page.drop("#drop", damaged)
        page.until("document.getElementById('result').className === 'bad'", 300)
        page.drop("#drop", archive)
        page.until(f"document.getElementById('verdict').innerText === {intact!r}", 300)
        seen += 5

        page.fill("#vkey", FOREIGN)
        page.click("#verify")
        page.until("document.getElementById('result').className === 'bad'")
        line, _ = verdict(page)
        assert line == expected(binary, log, FOREIGN, checkpoint) == "signature size=0 log=0", line
        seen += 1
        shot("foreign-key")

        page.fill("#vkey", vkey)
        page.choose("#zip", pathlib.Path(checkpoint))
        page.until("document.getElementById('chosen').innerText.includes('holds no log')")
        line = page.until(f"{DONE} !== 'signature size=0 log=0' && {DONE}")
        assert line == "corrupt segment=0 offset=0", line
        broken = pathlib.Path(scratch) / "broken.zip"
        broken.write_bytes(archive.read_bytes()[:-30])
        page.choose("#zip", broken)
        page.until("document.getElementById('headline').innerText === 'This cannot be read'")
        seen += 2

        complaints = page.complaints()
        assert not complaints, complaints
        no_network(page)
        seen += 1
    return f"{seen} journeys"


def speed(log, vkey, checkpoint):
    with browser.Page() as page:
        page.open(PAGE)
        page.fill("#vkey", vkey)
        page.fill("#notes", pathlib.Path(checkpoint).read_text())
        page.choose("#folder", pathlib.Path(log).resolve())
        verdict(page)
        best = None
        for _ in range(3):
            begun = time.monotonic()
            page.click("#verify")
            line, _ = verdict(page)
            took = time.monotonic() - begun
            best = took if best is None else min(best, took)
        entries = int(re.search(r"entries=(\d+)", line)[1])
        print(f"HTML, in Chromium  {entries / best:>9.0f} entries/s  {best:>6.2f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--vkey", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--binary", default=str(ROOT / "target" / "debug" / "interlock"))
    parser.add_argument("--screenshots")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    if not browser.find():
        print("chromium is not installed: the page was not tested")
        sys.exit(0)
    if options.speed:
        speed(options.log, options.vkey, options.checkpoint)
    else:
        print(journeys(options.log, options.vkey, options.checkpoint, options.binary, options.screenshots))


if __name__ == "__main__":
    main()
