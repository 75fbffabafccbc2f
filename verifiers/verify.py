#!/usr/bin/env python3
"""Verify an Interlock log directory, or a proof from one. One file, standard library only.

    verify.py DIR --vkey VKEY [--checkpoint FILE]... [--json]
    verify.py --proof FILE --entry FILE --vkey VKEY
    verify.py --grown FILE --checkpoint OLD --checkpoint NEW --vkey VKEY

DIR is the log directory, <data>/log. VKEY is the key the log began with, as its operator
published it; a checkpoint is a signed note kept outside the directory. Exit codes: 0 ok,
1 altered, 2 truncated or rolled back, 3 unreadable or corrupt, 4 signature or key epoch,
5 ok with redactions. FORMAT.md, beside this file, states what is checked and in which order.

Without the directory: --proof is a C2SP tlog-proof (`interlock audit prove`, or `proof` of
GET /api/audit/proof/N) that the entry, a body as exported, is in the log; --grown is the answer
of GET /api/audit/consistency, that the log of the older checkpoint is the beginning of the newer.
Here VKEY is the key that signed the checkpoints.
"""

import argparse
import base64
import functools
import hashlib
import json
import os
import re
import struct
import sys

KINDS = (
    None, b"genesis", b"checkpoint-intent", b"decision", b"outcome", b"approval-request",
    b"approval-vote", b"approval-final", b"policy-change", b"key-rotate", b"config-change",
    b"budget", b"breaker", b"kill", b"erasure", b"gap", b"node-start", b"node-stop", b"anchor",
    b"export", b"auth-failure", b"run-end", b"alert",
)
NUMBERS = {name: number for number, name in enumerate(KINDS) if name}
GENESIS, KEY_ROTATE, ERASURE, NODE_START = 1, 9, 14, 16

SEGMENT_HEADER = 4096
RECORD = struct.Struct("<IIQIIBBHI32s32s")


class Bad(Exception):
    """The first thing that is wrong: an exit code and a verdict line."""

    def __init__(self, code, line):
        super().__init__(line)
        self.code, self.line = code, line


def altered(log, seq, through=None):
    line = f"altered seq={seq} log={log}"
    return Bad(1, line if through is None else f"{line} through={through}")


def truncated(log, size, expected):
    return Bad(2, f"truncated size={size} expected={expected} log={log}")


def corrupt(segment, offset):
    return Bad(3, f"corrupt segment={segment} offset={offset}")


def corrupt_file(path):
    return Bad(3, f"corrupt file={path}")


def signature(log, size):
    return Bad(4, f"signature size={size} log={log}")


def no_trust():
    return Bad(4, "signature trust")


# SHA-256 and CRC32C


def sha256(data):
    return hashlib.sha256(data).digest()


def crc_table():
    one = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        one.append(n)
    # Two bytes at a time.
    return [one[n >> 8 ^ one[n & 255] & 255] ^ one[n & 255] >> 8 for n in range(65536)]


CRC = crc_table()
# Modulo the polynomial of CRC32C x^290 = x^136 + x^113 + x^107 + x^32 + 1, and squaring keeps that
# true: with all exponents doubled as often as fits, a few operations on one large integer, whose
# lowest bit is the first of the message, drop half of it. `crc32c` does the rest by table.
FOLD, TERMS = 290 - 136, (136 - 113, 136 - 107, 136 - 32, 136)
FOLD_BITS_MIN = 290 + FOLD


@functools.lru_cache(maxsize=65536)
def crc_folds(bits):
    """The folds for a message of so many bits, the padding after them, and the bytes that are left."""
    folds, scale = [], 1
    while FOLD_BITS_MIN * scale * 2 <= bits:
        scale *= 2
    while scale:
        while bits >= FOLD_BITS_MIN * scale:
            folds.append((FOLD * scale, (1 << FOLD * scale) - 1, *(t * scale for t in TERMS)))
            bits -= FOLD * scale
        scale //= 2
    return folds, -bits % 16, bits + 15 >> 4 << 1


def crc32c(data):
    """CRC32C of at least four bytes."""
    message = int.from_bytes(data, "little") ^ 0xFFFFFFFF
    folds, padding, size = crc_folds(len(data) * 8)
    for bits, mask, a, b, c, d in folds:
        low = message & mask
        message = message >> bits ^ low ^ low << a ^ low << b ^ low << c ^ low << d
    crc, table = 0, CRC
    rest = (message << padding).to_bytes(size, "little")
    for word in struct.unpack(f"<{size // 2}H", rest):
        crc = table[(crc ^ word) & 0xFFFF] ^ crc >> 16
    return crc ^ 0xFFFFFFFF


# Ed25519 (RFC 8032), verification only, cofactorless and without small-order points

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def decompress(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    p, q = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    r, s = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = q - p, s - r, s + r, q + p
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(a):
    x, y, z, _ = a
    p, q, r = x * x % P, y * y % P, 2 * z * z % P
    h = p + q
    e, g = h - (x + y) * (x + y), p - q
    f = r + g
    return e * f % P, g * h % P, f * g % P, e * h % P


IDENTITY = (0, 1, 1, 0)
BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def small_order(point):
    for _ in range(3):
        point = double(point)
    return point[0] % P == 0


def compress(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


@functools.lru_cache(maxsize=65536)
def ed25519(public, message, sig):
    if len(sig) != 64:
        return False
    a, r, s = decompress(public), decompress(sig[:32]), int.from_bytes(sig[32:], "little")
    if a is None or r is None or s >= L or small_order(a) or small_order(r):
        return False
    h = int.from_bytes(hashlib.sha512(sig[:32] + public + message).digest(), "little") % L
    minus = (P - a[0], a[1], 1, P - a[3])
    # s·B − h·A, both scalars two bits at a time.
    bases, minuses = [IDENTITY], [IDENTITY]
    for _ in range(3):
        bases.append(add(bases[-1], BASE))
        minuses.append(add(minuses[-1], minus))
    table = [[add(b, m) for m in minuses] for b in bases]
    q = IDENTITY
    for bit in range(252, -2, -2):
        q = double(double(q))
        n, m = s >> bit & 3, h >> bit & 3
        if n or m:
            q = add(q, table[n][m])
    return compress(q) == sig[:32]


# Notes and checkpoints (C2SP)


def unbase64(text):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def name_is_valid(name):
    return name != "" and not any(c == "+" or c.isspace() or c < " " for c in name)


@functools.lru_cache(maxsize=1024)
def parse_vkey(vkey):
    """A vkey as (name, id, public key), or None."""
    parts = vkey.split("+", 2)
    if len(parts) != 3:
        return None
    name, digest, key = parts[0], parts[1], unbase64(parts[2])
    if not name_is_valid(name) or key is None or len(key) != 33 or key[0] != 1:
        return None
    public = key[1:]
    identifier = sha256(name.encode() + b"\n\x01" + public)[:4]
    point = decompress(public)
    if identifier.hex() != digest or point is None or small_order(point):
        return None
    return name, identifier, public


def parse_note(note):
    """A note as (text, [(name, id, signature)]), or None."""
    if len(note.encode()) > 65536 or any(c < " " and c != "\n" for c in note):
        return None
    before, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        return None
    signatures = []
    for line in lines[:-1].split("\n"):
        if len(signatures) == 64 or not line.startswith("\u2014 "):
            return None
        name, space, encoded = line[2:].partition(" ")
        data = unbase64(encoded)
        if not space or data is None or len(data) < 5 or not name_is_valid(name):
            return None
        signatures.append((name, data[:4], data[4:]))
    return before + "\n", signatures


def signed_by(note, key):
    text, signatures = note
    name, identifier, public = key
    ours = [s for n, i, s in signatures if n == name and i == identifier]
    return bool(ours) and all(ed25519(public, text.encode(), s) for s in ours)


def decimal(text):
    if not re.fullmatch("0|[1-9][0-9]{0,19}", text, re.ASCII) or int(text) >= 1 << 64:
        return None
    return int(text)


def parse_checkpoint(text):
    """A checkpoint text as (origin, size, root), or None."""
    lines = text[:-1].split("\n")
    if not text.endswith("\n") or len(lines) != 3 or not lines[0]:
        return None
    size, root = decimal(lines[1]), unbase64(lines[2])
    if size is None or root is None or len(root) != 32:
        return None
    return lines[0], size, root


def checkpoint_of(note):
    parsed = parse_note(note)
    return parsed and parse_checkpoint(parsed[0])


def utf8(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def history(data):
    """The notes of a checkpoints.log, or None where one cannot be told from the next."""
    text, notes, at = utf8(data), [], 0
    if text is None:
        return None
    while at < len(text):
        body = text.find("\n\n", at)
        end = text.find("\n\n", body + 2) if body >= 0 else -1
        if end < 0:
            return None
        notes.append(text[at : end + 1])
        at = end + 2
    return notes


# Entries that are understood

HEAD = rb'\{"v":[0-9]{1,9},"ts":"[0-9TZ:.+\-]{1,40}","kind":"([a-z\-]{1,32})"(?=[,}])'
TOKEN = rb'([!#-\[\]-~]{1,400})'
NUMBER = rb"(0|[1-9][0-9]{0,9})"
HEX32 = rb"([0-9a-f]{32})"
HEAD_RE = re.compile(HEAD)
GENESIS_RE = re.compile(
    HEAD + rb',"format":"alog1","origin":"' + TOKEN + rb'","log":' + NUMBER + rb',"id":"' + HEX32
    + rb'","node":"' + HEX32 + rb'","vkey":"' + TOKEN + rb'","tenant":"(.*)"\}', re.DOTALL)
NODE_START_RE = re.compile(HEAD + rb',"epoch":' + NUMBER + rb',"durability":"([a-z]{1,8})"')
KEY_ROTATE_RE = re.compile(
    HEAD + rb',"old":"' + TOKEN + rb'","new":"' + TOKEN + rb'","by_old":"' + TOKEN
    + rb'","by_new":"' + TOKEN + rb'"\}')


def kind_agrees(kind, body):
    head = HEAD_RE.match(body)
    if not head:
        return False
    number = NUMBERS.get(head[1])
    if number is not None:
        return number == kind
    return not 0 <= kind < len(KINDS)


class Tree:
    """The right edge of a growing RFC 6962 tree."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, leaf):
        size = self.size
        while size & 1:
            leaf = sha256(b"\x01" + self.peaks.pop() + leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256(b"")
        right = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            right = sha256(b"\x01" + left + right)
        return right


class Log:
    def __init__(self, origin, identifier, tenant, body, key, wanted):
        self.origin, self.id, self.tenant, self.genesis = origin, identifier, tenant, body
        self.keys, self.tree, self.link, self.good = [(0, key)], Tree(), b"", None
        self.roots = dict.fromkeys(wanted)

    def key_for(self, size):
        return next(key for seq, key in reversed(self.keys) if seq == 0 or seq < size)


class Verifier:
    def __init__(self, source, vkeys, checkpoints):
        self.source, self.vkeys, self.outside = source, vkeys, checkpoints
        self.logs, self.wanted, self.node, self.batch, self.redactions = [], {}, None, None, 0

    def run(self):
        """The exit code and the verdict line."""
        try:
            return self.check()
        except Bad as bad:
            return bad.code, bad.line

    def want(self, checkpoint):
        if checkpoint:
            self.wanted.setdefault(checkpoint[0], set()).add(checkpoint[1])

    def check(self):
        keys = [parse_vkey(vkey.strip()) for vkey in self.vkeys]
        outside = [(note, checkpoint_of(note)) for note in self.outside]
        if not keys or None in keys or any(checkpoint is None for _, checkpoint in outside):
            raise no_trust()
        for _, checkpoint in outside:
            self.want(checkpoint)
        folders = sorted(n for n in self.source.list("logs") if re.fullmatch("[0-9a-f]{32}", n))
        inside = {}
        for folder in folders:
            past = self.source.read(f"logs/{folder}/checkpoints.log")
            newest = self.source.read(f"logs/{folder}/checkpoint")
            for note in past and history(past) or ():
                self.want(checkpoint_of(note))
            text = None if newest is None else utf8(newest)
            if text is not None:
                self.want(checkpoint_of(text))
            inside[folder] = past, newest

        self.segments(keys)

        for log in self.logs:
            path = f"logs/{log.id}/genesis.json"
            if self.source.read(path) != log.genesis:
                raise corrupt_file(path)
        known = {log.id for log in self.logs}
        for folder in folders:
            if folder not in known:
                raise truncated(folder, 0, 1)
        for number, log in enumerate(self.logs):
            past, newest = inside.get(log.id, (None, None))
            notes = [] if past is None else history(past)
            if notes is None:
                raise signature(number, 0)
            for note in notes:
                self.hold(number, note)
            if newest is not None:
                note = utf8(newest)
                if note is None:
                    raise signature(number, 0)
                self.hold(number, note)
                if note not in notes:
                    raise corrupt_file(f"logs/{log.id}/checkpoints.log")
        for note, (origin, size, _) in outside:
            number = next((n for n, log in enumerate(self.logs) if log.origin == origin), None)
            if number is None:
                raise truncated(origin, 0, size)
            self.hold(number, note)
        return self.sum()

    def sum(self):
        heads, entries, unsigned = Tree(), 0, 0
        for number, log in enumerate(self.logs):
            if log.good is None:
                raise signature(number, 0)
            entries += log.tree.size
            unsigned += log.tree.size - log.good
            root = base64.b64encode(log.tree.root()).decode()
            heads.push(sha256(b"\x00" + f"{log.origin}\n{log.tree.size}\n{root}\n".encode()))
        line = f"ok entries={entries} root={heads.root().hex()} logs={len(self.logs)}"
        if unsigned:
            line += f" unsigned={unsigned}"
        if self.redactions:
            line += f" redactions={self.redactions}"
        return (5 if self.redactions else 0), line

    def hold(self, number, note):
        """Holds a checkpoint against log `number`."""
        parsed = parse_note(note)
        checkpoint = parsed and parse_checkpoint(parsed[0])
        if not checkpoint:
            raise signature(number, 0)
        origin, size, root = checkpoint
        log = self.logs[number]
        if origin != log.origin or not signed_by(parsed, log.key_for(size)):
            raise signature(number, size)
        if size > log.tree.size:
            raise truncated(number, log.tree.size, size)
        if root != (log.roots[size] if size else sha256(b"")):
            good = log.good if log.good is not None and log.good < size else 0
            raise altered(number, good, size)
        log.good = size if log.good is None else max(log.good, size)

    def segments(self, keys):
        names = sorted(n for n in self.source.list("journal")
                       if re.fullmatch(r"[0-9a-f]{16}\.seg", n))
        if not names:
            raise corrupt(0, 0)
        for number, name in enumerate(names):
            data = self.source.read(f"journal/{name}") if name == f"{number:016x}.seg" else None
            if data is None:
                raise corrupt(number, 0)
            self.segment(number, data, keys)

    def segment(self, number, data, keys):
        if len(data) < SEGMENT_HEADER:
            raise corrupt(number, len(data))
        head, digest = data[:4064], data[4064:4096]
        node = head[16:32]
        named, epoch = struct.unpack_from("<QQ", head, 32)
        snapshot = head[48:80]
        (size,) = struct.unpack_from("<Q", head, 88)
        if (sha256(head) != digest or head[:16] != b"ALOGSEG1\x01\0\0\0\0\0\0\0"
                or any(head[96:]) or named != number):
            raise corrupt(number, 0)
        if size != len(data):
            raise corrupt(number, len(data))
        if self.node is None:
            self.node = node
        if node != self.node or epoch < (self.batch[0] if self.batch else 0):
            raise corrupt(number, 0)
        if number == 0:
            if any(snapshot):
                raise corrupt(number, 0)
        else:
            # A snapshot can be built anew from the journal, so its absence proves nothing.
            path = f"journal/{number - 1:016x}.snap"
            stored = self.source.read(path)
            if stored is not None and sha256(stored) != snapshot:
                raise corrupt_file(path)
        at = SEGMENT_HEADER
        while at + 4 <= len(data) and data[at : at + 4] != b"\0\0\0\0":
            length = int.from_bytes(data[at : at + 4], "little")
            end = at + 96 + length
            following = end + 7 & ~7
            if length > 65535 or following > len(data):
                raise corrupt(number, at)
            fields = RECORD.unpack_from(data, at)
            sound = fields[1] == crc32c(data[at : at + 4] + data[at + 8 : end])
            sound = sound and not any(data[end:following])
            if at == SEGMENT_HEADER and sound and fields[3] < epoch:
                raise corrupt(number, at)
            if not self.record(fields, data[at + 96 : end], sound, keys):
                raise corrupt(number, at)
            at = following
        tail = data[at:]
        if tail.count(0) != len(tail):
            raise corrupt(number, at + len(tail) - len(tail.lstrip(b"\0")))

    def record(self, fields, body, sound, keys):
        """Takes a record; false where the journal itself does not hold."""
        _, _, seq, epoch, number, kind, flags, lag, batch, leaf, link = fields
        log = self.logs[number] if number < len(self.logs) else None
        if not sound:
            if log and log.tree.size == seq:
                raise altered(number, seq)
            return False
        if not self.step(kind, flags, lag, batch, epoch, number):
            return False
        if log is None and (number != len(self.logs) or kind != GENESIS):
            return False
        expected = log.tree.size if log else 0
        if seq != expected or (kind == GENESIS) != (log is None):
            raise altered(number, expected)
        previous = log.link if log else sha256(b"alog1\n" + body)
        if (sha256(b"\x00" + body) != leaf or sha256(b"\x02" + previous + leaf) != link
                or not kind_agrees(kind, body)):
            raise altered(number, expected)
        if kind == GENESIS:
            log = self.genesis(number, body, altered(number, expected), keys)
        elif kind == KEY_ROTATE:
            self.key_rotate(number, seq, body, previous, altered(number, expected))
        elif kind == NODE_START:
            start = NODE_START_RE.match(body)
            if not start or int(start[2]) != epoch or number != 0:
                raise altered(number, expected)
            self.batch = (*self.batch[:3], start[3] == b"strict")
        elif kind == ERASURE:
            self.redactions += 1
        log.link = link
        log.tree.push(leaf)
        if log.tree.size in log.roots:
            log.roots[log.tree.size] = log.tree.root()
        return True

    def step(self, kind, flags, lag, batch, epoch, number):
        """Whether a record has its place in the sequence of epochs and batches."""
        ended = flags == 1
        before, strict = self.batch, True
        if before is not None and epoch == before[0]:
            fits = batch == before[1] + before[2]
            strict = before[3]
        else:
            fits = batch == 0 and ended and number == 0
            if before is None:
                fits = fits and kind == GENESIS
            else:
                fits = fits and kind == NODE_START and epoch > before[0]
        if not fits or flags > 1 or (strict and lag):
            return False
        self.batch = epoch, batch, ended, strict
        return True

    def genesis(self, number, body, wrong, keys):
        match = GENESIS_RE.fullmatch(body)
        tenant = match and utf8(match[7])
        if tenant is None:
            raise wrong
        origin, identifier = match[2].decode(), match[4].decode()
        if (int(match[3]) != number or match[5].decode() != self.node.hex()
                or any(log.id == identifier or log.origin == origin for log in self.logs)):
            raise wrong
        key = parse_vkey(match[6].decode())
        trusted = [self.logs[0].keys[-1][1]] if self.logs else keys
        if key is None or key not in trusted:
            raise signature(number, 0)
        wanted = self.wanted.get(origin, ())
        self.logs.append(Log(origin, identifier, tenant, body, key, wanted))
        return self.logs[-1]

    def key_rotate(self, number, seq, body, previous, wrong):
        match = KEY_ROTATE_RE.fullmatch(body)
        if not match:
            raise wrong
        log = self.logs[number]
        old, new, by_old, by_new = (part.decode() for part in match.groups()[1:])
        text = (f"interlock key-rotate v1\n{log.origin}\n{seq}\n{previous.hex()}\n"
                f"{old}\n{new}\n").encode()
        following, current = parse_vkey(new), log.keys[-1][1]

        def by(key, sig):
            data = unbase64(sig)
            return data is not None and ed25519(key[2], text, data)

        if (following is None or parse_vkey(old) != current or not by(current, by_old)
                or not by(following, by_new)
                or (number and following != self.logs[0].keys[-1][1])):
            raise signature(number, seq)
        log.keys.append((seq, following))

    def report(self):
        return [
            {"log": n, "id": log.id, "origin": log.origin, "tenant": json.loads(f'"{log.tenant}"'),
             "size": log.tree.size, "root": log.tree.root().hex(), "signed": log.good}
            for n, log in enumerate(self.logs)
        ]


class Directory:
    """The files below a folder."""

    def __init__(self, path):
        self.path = path

    def list(self, folder):
        try:
            return os.listdir(os.path.join(self.path, folder))
        except OSError:
            return []

    def read(self, path):
        try:
            with open(os.path.join(self.path, *path.split("/")), "rb") as file:
                return file.read()
        except OSError:
            return None


# Proofs (RFC 9162, sections 2.1.3.2 and 2.1.4.2)

PROOF_HASHES_MAX = 64


def inclusion_root(leaf, index, size, path):
    """The root that `path` leads to from the leaf with this number, or None."""
    if index >= size or len(path) > PROOF_HASHES_MAX:
        return None
    at, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            root = sha256(b"\x01" + sibling + root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + sibling)
        at, last = at >> 1, last >> 1
    return root if last == 0 else None


def is_consistent(old, new, old_root, new_root, path):
    """Whether `path` proves the tree of size `old` to be the beginning of that of size `new`."""
    if old > new or len(path) > 2 * PROOF_HASHES_MAX:
        return False
    if old == new or old == 0:
        return not path and old_root == (new_root if old else sha256(b""))
    path = list(path) if old & old - 1 else [old_root, *path]
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    small = large = path[0]
    for hash in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            small, large = sha256(b"\x01" + hash + small), sha256(b"\x01" + hash + large)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            large = sha256(b"\x01" + large + hash)
        at, last = at >> 1, last >> 1
    return last == 0 and small == old_root and large == new_root


def trusted_checkpoint(note, keys):
    """The checkpoint of a note that one of `keys` signed, as (origin, size, root)."""
    parsed = parse_note(note)
    checkpoint = parsed and parse_checkpoint(parsed[0])
    if not keys or None in keys or not checkpoint or not any(signed_by(parsed, k) for k in keys):
        raise no_trust()
    return checkpoint


def parse_proof(text):
    """A C2SP tlog-proof as (index, hashes, note), or None."""
    head, gap, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if lines and lines[0].startswith("extra "):
        if unbase64(lines.pop(0)[6:]) is None:
            return None
    if first != "c2sp.org/tlog-proof@v1" or not gap or not lines or lines[0][:6] != "index ":
        return None
    index, hashes = decimal(lines[0][6:]), [unbase64(line) for line in lines[1:]]
    if index is None or any(h is None or len(h) != 32 for h in hashes):
        return None
    return index, hashes, note


def verify_proof(text, body, vkeys):
    """The exit code and the verdict line for a tlog-proof of an entry with this body."""
    try:
        proof = parse_proof(text)
        if proof is None:
            return 3, "corrupt proof"
        index, hashes, note = proof
        origin, size, root = trusted_checkpoint(note, [parse_vkey(v.strip()) for v in vkeys])
    except Bad as bad:
        return bad.code, bad.line
    if inclusion_root(sha256(b"\x00" + body), index, size, hashes) != root:
        return 1, f"altered seq={index} log={origin}"
    return 0, f"ok seq={index} size={size} log={origin}"


def verify_grown(text, notes, vkeys):
    """The exit code and the verdict line for a consistency proof between two checkpoints."""
    try:
        keys = [parse_vkey(v.strip()) for v in vkeys]
        (log, old, old_root), (origin, new, new_root) = (trusted_checkpoint(n, keys) for n in notes)
        proof = json.loads(text)
        hashes = [bytes.fromhex(h) for h in proof["hashes"]]
        fits = log == origin and (proof["old"], proof["new"]) == (old, new)
    except Bad as bad:
        return bad.code, bad.line
    except (ValueError, KeyError, TypeError):
        return 3, "corrupt proof"
    if not fits or not is_consistent(old, new, old_root, new_root, hashes):
        return 1, f"altered seq=0 log={origin} through={old}"
    return 0, f"ok old={old} new={new} log={origin}"


def text_of(path):
    """The text of a file, empty where it is none: what is empty verifies as nothing."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def main():
    parser = argparse.ArgumentParser(description="Verify an Interlock log directory or a proof.")
    parser.add_argument("dir", nargs="?", help="the log directory, <data>/log")
    parser.add_argument("--vkey", action="append", default=[], help="key the log began with")
    parser.add_argument("--checkpoint", action="append", default=[],
                        help="file with a signed checkpoint kept outside")
    parser.add_argument("--json", action="store_true", help="print the logs as JSON")
    parser.add_argument("--proof", help="proof that an entry is in the log; instead of a directory")
    parser.add_argument("--entry", help="the entry that it is for: its body, as exported")
    parser.add_argument("--grown", help="proof that the log of the first --checkpoint became that "
                                        "of the second; instead of a directory")
    options = parser.parse_args()
    if sum(given is not None for given in (options.dir, options.proof, options.grown)) != 1:
        parser.error("give one of a directory, --proof and --grown")
    if (options.proof is None) != (options.entry is None):
        parser.error("--proof and --entry go together")
    checkpoints = [text_of(path) for path in options.checkpoint]
    logs = []
    if options.proof is not None:
        try:
            with open(options.entry, "rb") as file:
                body = file.read().removesuffix(b"\n")
        except OSError as error:
            parser.error(f"cannot read the entry: {error}")
        code, line = verify_proof(text_of(options.proof), body, options.vkey)
    elif options.grown is not None:
        if len(checkpoints) != 2:
            parser.error("--grown is between two checkpoints")
        code, line = verify_grown(text_of(options.grown), checkpoints, options.vkey)
    else:
        verifier = Verifier(Directory(options.dir), options.vkey, checkpoints)
        code, line = verifier.run()
        logs = verifier.report()
    print(json.dumps({"code": code, "verdict": line, "logs": logs}) if options.json else line)
    return code


if __name__ == "__main__":
    sys.exit(main())
