"""The record seen from outside: proofs that the API hands out and exported tiles, checked by
verifiers/verify.py and by the text of RFC 6962, with no code of the writer.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERIFY = ROOT / "verifiers" / "verify.py"
TILE_WIDTH = 256


def get(base, key, path):
    request = urllib.request.Request(base + path, headers={"x-api-key": key})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def run(*args):
    result = subprocess.run([sys.executable, VERIFY, *map(str, args)], capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout.strip()


def proofs(base, key, scratch, more):
    """Inclusion and consistency proofs of the API; `more()` adds entries before each of two checkpoints."""
    scratch = pathlib.Path(scratch)

    def keep(name, data):
        (scratch / name).write_bytes(data)
        return scratch / name

    more()
    older = json.loads(get(base, key, "/api/audit/checkpoint"))
    more()
    newer = json.loads(get(base, key, "/api/audit/checkpoint"))
    vkey = newer["vkey"]
    first, second = (keep(f"checkpoint-{n}", c["checkpoint"].encode()) for n, c in enumerate((older, newer)))
    old, new = (int(c["checkpoint"].split("\n")[1]) for c in (older, newer))
    assert old < new, (old, new)
    bodies = get(base, key, f"/api/audit/export?from=0&limit={min(new, 1000)}").split(b"\n")[:-1]
    checked = 0
    for seq in sorted({0, 1, len(bodies) // 2, old - 1, old, len(bodies) - 1}):
        answer = json.loads(get(base, key, f"/api/audit/proof/{seq}"))
        proof, entry = keep("proof", answer["proof"].encode()), keep("entry", bodies[seq])
        code, line = run("--proof", proof, "--entry", entry, "--vkey", vkey)
        assert code == 0 and line.startswith(f"ok seq={seq} "), line
        # Another body, another place, another key.
        wrong = keep("wrong", bodies[seq].replace(b'"v":1', b'"v":2'))
        assert run("--proof", proof, "--entry", wrong, "--vkey", vkey)[0] == 1
        moved = keep("moved", answer["proof"].replace(f"index {seq}\n", f"index {seq ^ 1}\n").encode())
        assert run("--proof", moved, "--entry", entry, "--vkey", vkey)[0] == 1
        foreign = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        assert run("--proof", proof, "--entry", entry, "--vkey", foreign) == (4, "signature trust")
        checked += 1
    grown = json.loads(get(base, key, f"/api/audit/consistency?old={old}&new={new}"))
    file = keep("grown", json.dumps(grown).encode())
    both = ("--checkpoint", first, "--checkpoint", second, "--vkey", vkey)
    code, line = run("--grown", file, *both)
    assert code == 0 and line.startswith(f"ok old={old} new={new} "), line
    for n in range(len(grown["hashes"])):
        bad = {**grown, "hashes": list(grown["hashes"])}
        bad["hashes"][n] = bytes(32).hex()
        assert run("--grown", keep("bad", json.dumps(bad).encode()), *both)[0] == 1
    swapped = ("--checkpoint", second, "--checkpoint", first, "--vkey", vkey)
    assert run("--grown", file, *swapped)[0] == 1
    return f"{checked} inclusion proofs, {old} to {new} entries"


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes):
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root(hashes[:split]), root(hashes[split:]))


def tile_path(kind, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(groups)}{partial}"


def rows(count):
    """The tiles of a row of `count`: index and width."""
    for first in range(0, count, TILE_WIDTH):
        yield first // TILE_WIDTH, min(TILE_WIDTH, count - first)


def tiles(directory, vkey):
    """An export in the form of c2sp.org/tlog-tiles: every tile, every bundle, the checkpoint."""
    sys.path.insert(0, str(VERIFY.parent))
    import verify

    directory, expected = pathlib.Path(directory), {"checkpoint", "genesis.json"}
    note = verify.parse_note((directory / "checkpoint").read_text(encoding="utf-8"))
    assert verify.signed_by(note, verify.parse_vkey(vkey)), "the checkpoint is not signed by the key"
    _, size, signed = verify.parse_checkpoint(note[0])

    def read(kind, index, width):
        path = tile_path(kind, index, width)
        expected.add(path)
        return (directory / path).read_bytes()

    level, leaves = 0, []
    for index, width in rows(size):
        data = read("entries", index, width)
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            leaves.append(hashlib.sha256(b"\x00" + data[2 : 2 + length]).digest())
            data = data[2 + length :]
        assert not data, "a bundle holds more than its entries"
    hashes = leaves
    while hashes:
        for index, width in rows(len(hashes)):
            wanted = hashes[index * TILE_WIDTH :][:width]
            assert read(level, index, width) == b"".join(wanted), f"tile {level}/{index} differs"
        # Only whole subtrees rise to the next level.
        whole = len(hashes) // TILE_WIDTH
        hashes = [root(hashes[n * TILE_WIDTH : (n + 1) * TILE_WIDTH]) for n in range(whole)]
        level += 1
    assert root(leaves) == signed, f"the root of {size} entries is not {base64.b64encode(signed)}"
    found = {str(f.relative_to(directory)) for f in directory.rglob("*") if f.is_file()}
    assert found == expected, f"other files than tiles: {sorted(found ^ expected)[:5]}"
    return f"{size} entries in {len(expected) - 2} tiles and bundles"
