#!/usr/bin/env python3
"""Verify an Interlock log directory, an evidence bundle, or a proof. One file, standard library only.

    verify.py DIR --vkey VKEY [--checkpoint FILE]... [--json]
    verify.py BUNDLE --vkey VKEY [--checkpoint FILE]... [--json]
    verify.py --proof FILE --entry FILE --vkey VKEY
    verify.py --grown FILE --checkpoint OLD --checkpoint NEW --vkey VKEY

DIR is the log directory, <data>/log. BUNDLE is an evidence bundle: the zip, or the directory that it
was unpacked to. VKEY is the key the log began with, as its operator
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
import zlib

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


# Evidence bundles

NAME_BYTES_MAX, FILES_MAX, RANGES_MAX, CHECKPOINTS_MAX = 200, 1 << 20, 1 << 20, 64
MANIFEST_BYTES_MAX, SMALL_BYTES_MAX, DIRECTORY_BYTES_MAX = 64 << 20, 16 << 20, 256 << 20
PIECE = 1 << 20
NAME_RE = re.compile(r"(?!.{%d})[A-Za-z0-9._/-]+" % (NAME_BYTES_MAX + 1))
ERASURE_RE = re.compile(rb'^\{"v":[0-9]*,"ts":"[^"\n]*","kind":"erasure"', re.MULTILINE)
TILE = 256


def name_is_safe(name):
    parts = name.split("/")
    return bool(NAME_RE.fullmatch(name)) and not any(part in ("", ".", "..") for part in parts)


def printable(name):
    return re.sub(rb"[^A-Za-z0-9._/-]", b"?", name[:100]).decode()


def refused(file=None):
    return Bad(3, "refused zip" if file is None else f"refused file={file}")


def altered_file(file):
    return Bad(1, f"altered file={file}")


def altered_entry(seq):
    return Bad(1, f"altered seq={seq} file=entries.jsonl")


def unsigned_file(file):
    return Bad(4, f"signature file={file}")


class Zip:
    """The files of a zip, read strictly: what counts is the directory at its very end."""

    def __init__(self, path):
        self.file = open(path, "rb")
        length = self.file.seek(0, 2)
        if length < 22:
            raise refused()
        until = length - 22
        mark, disk, start, here, count, size, at, comment = struct.unpack("<IHHHHIIH", self.at(until, 22))
        if (mark, disk, start, comment) != (0x06054B50, 0, 0, 0) or here != count:
            raise refused()
        if until >= 76:
            both = self.at(until - 76, 76)
            if both[56:60] == b"PK\6\7":
                until -= 76
                if struct.unpack("<IQI", both[60:]) != (0, until, 1):
                    raise refused()
                mark, record, _, disk, start, here, count, size, at = struct.unpack("<IQIIIQQQQ", both[:56])
                if (mark, record, disk, start) != (0x06064B50, 44, 0, 0) or here != count:
                    raise refused()
        if count > FILES_MAX or size > DIRECTORY_BYTES_MAX or at + size != until:
            raise refused()
        self.end, self.members = at, {}
        raw, place = self.at(at, size), 0
        for _ in range(count):
            place = self.member(raw, place)
        if place != len(raw):
            raise refused()

    def at(self, offset, size):
        self.file.seek(offset)
        data = self.file.read(size)
        if len(data) != size:
            raise refused()
        return data

    def member(self, raw, place):
        try:
            mark, _, flags, method, _, _, packed, size, *lengths, disk, _, _, at = struct.unpack_from(
                "<IIHHIIIIHHHHHII", raw, place)
            ends = [place + 46]
            for length in lengths:
                ends.append(ends[-1] + length)
            if mark != 0x02014B50 or ends[-1] > len(raw):
                raise refused()
            name, extra = raw[ends[0] : ends[1]], raw[ends[1] : ends[2]]
            fields = [size, packed, at]
            while extra:
                kind, length = struct.unpack_from("<HH", extra)
                value, extra = extra[4 : 4 + length], extra[4 + length :]
                if len(value) != length:
                    raise refused()
                if kind == 1:
                    for n, short in enumerate((size, packed, at)):
                        if short == 0xFFFFFFFF:
                            (fields[n],) = struct.unpack_from("<Q", value)
                            value = value[8:]
        except struct.error:
            raise refused() from None
        size, packed, at = fields
        plain = not flags & 0b10_0000_0110_0001 and method in (0, 8) and disk == 0
        inside = at + 30 + len(name) + packed <= self.end
        text = printable(name)
        if (not plain or (method == 0 and size != packed) or text.encode() != name
                or not name_is_safe(text) or not inside or text in self.members):
            raise refused(text)
        self.members[text] = size, packed, at, method
        return ends[-1]

    def list(self):
        return {name: member[0] for name, member in self.members.items()}

    def pieces(self, name):
        """The content, piece by piece; ends in None where it is damaged."""
        size, left, at, method = self.members[name]
        try:
            head = self.at(at, 30)
            given, extra = struct.unpack_from("<HH", head, 26)
            start = at + 30 + given + extra
            if head[:4] != b"PK\3\4" or self.at(at + 30, given) != name.encode() or start + left > self.end:
                yield None
                return
        except Bad:
            yield None
            return
        inflate, made = zlib.decompressobj(-15), 0
        while left:
            self.file.seek(start)
            data = self.file.read(min(left, PIECE // 4))
            start, left = start + len(data), left - len(data)
            if not data:
                yield None
                return
            if method == 0:
                yield data
                continue
            while data:
                before = inflate.copy()
                try:
                    out = inflate.decompress(data, PIECE)
                except zlib.error:
                    yield from rescued(before, data)
                    yield None
                    return
                data, made = inflate.unconsumed_tail, made + len(out)
                if made > size:
                    yield None
                    return
                if out:
                    yield out
                if inflate.eof and (inflate.unused_data or left):
                    yield None
                    return
        if method == 8:
            # What is held back once all input is taken is less than a piece.
            out = b"" if inflate.eof else inflate.decompress(b"", PIECE)
            if out:
                yield out
            if not inflate.eof or made + len(out) != size:
                yield None


def rescued(inflate, data):
    """What can be unpacked of damaged data, byte by byte."""
    for n in range(len(data)):
        try:
            out = inflate.decompress(data[n : n + 1])
        except zlib.error:
            return
        if out:
            yield out


class Unpacked:
    """The files of a directory that a bundle was unpacked to."""

    def __init__(self, path):
        self.path, self.files = path, {}
        self.walk("", 0)

    def walk(self, below, depth):
        for entry in os.scandir(os.path.join(self.path, below)):
            name = f"{below}/{entry.name}" if below else entry.name
            # A link may lead anywhere.
            if (not name_is_safe(name) or depth > 16 or len(self.files) >= FILES_MAX
                    or entry.is_symlink()):
                raise refused(printable(os.fsencode(name)))
            if entry.is_dir():
                self.walk(name, depth + 1)
            else:
                self.files[name] = entry.stat().st_size

    def list(self):
        return self.files

    def pieces(self, name):
        try:
            with open(os.path.join(self.path, *name.split("/")), "rb") as file:
                while data := file.read(PIECE):
                    yield data
        except OSError:
            yield None


def index_path(index):
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return path


def wanted_tiles(size):
    """Path, level, number and width of each tile, and whether a bundle must have it."""
    for level in range(8):
        full, partial = divmod(size >> 8 * level, TILE)
        for index in range(full + (partial > 0)):
            width = TILE if index < full else partial
            suffix = "" if width == TILE else f".p/{width}"
            yield f"tile/{level}/{index_path(index)}{suffix}", level, index, width, level > 0 or width < TILE


def fold(hashes):
    """The root over hashes whose number is a power of two, as one string of bytes."""
    digest = hashlib.sha256
    while len(hashes) > 32:
        hashes = b"".join([digest(b"\x01" + hashes[n : n + 64]).digest() for n in range(0, len(hashes), 64)])
    return hashes


class BundleVerifier:
    """Checks an evidence bundle: the rules and their order are those of FORMAT.md."""

    def __init__(self, files, vkeys, checkpoints):
        self.files, self.vkeys, self.outside = files, vkeys, checkpoints
        self.manifest, self.tiles, self.epochs = None, {}, []

    def run(self):
        """The exit code and the verdict line."""
        try:
            return self.check()
        except Bad as bad:
            return bad.code, bad.line

    def report(self):
        keep = ("tenant", "origin", "created", "by", "scope", "size", "entries")
        return [{key: self.manifest.get(key) for key in keep}] if self.manifest else []

    def whole(self, name, size_max):
        if self.listed[name] > size_max:
            return None
        pieces = list(self.files.pieces(name))
        return None if None in pieces else b"".join(pieces)

    def check(self):
        keys = [parse_vkey(vkey.strip()) for vkey in self.vkeys]
        if not keys or None in keys:
            raise no_trust()
        self.listed = self.files.list()
        for name in ("manifest.json", "manifest.note", "keys/keys.json"):
            if name not in self.listed:
                raise Bad(2, f"missing file={name}")
        origin = self.keys(keys)
        manifest = self.signed_manifest(origin)
        names = self.digests(manifest)
        self.log(manifest, names)
        ranges = self.ranges(manifest)
        self.read_tiles(names, manifest["size"])
        self.checkpoints(origin)
        redactions = self.entries(manifest, ranges)
        line = (f"ok entries={manifest['entries']} size={self.size} root={self.root.hex()} "
                f"files={len(manifest['files'])}")
        return (5, f"{line} redactions={redactions}") if redactions else (0, line)

    def keys(self, trusted):
        """Reads the keys of the log: who may sign from which entry on."""
        wrong = unsigned_file("keys/keys.json")
        data = self.whole("keys/keys.json", SMALL_BYTES_MAX)
        try:
            said = json.loads(data)
            first, current, last = parse_vkey(said["first"]), parse_vkey(said["first"]), 0
            if first not in trusted:
                raise wrong
            self.epochs = [(0, first)]
            for change in said["rotations"]:
                seq, old, new = change["seq"], change["old"], change["new"]
                following = parse_vkey(new)
                text = (f"interlock key-rotate v1\n{said['origin']}\n{seq}\n{change['link']}\n"
                        f"{old}\n{new}\n").encode()
                by_old, by_new = unbase64(change["by_old"]), unbase64(change["by_new"])
                if (following is None or parse_vkey(old) != current or type(seq) is not int or seq <= last
                        or not re.fullmatch("[0-9a-f]{64}", change["link"])
                        or by_old is None or not ed25519(current[2], text, by_old)
                        or by_new is None or not ed25519(following[2], text, by_new)):
                    raise wrong
                self.epochs.append((seq, following))
                current, last = following, seq
            if type(said["origin"]) is not str:
                raise wrong
            return said["origin"]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise wrong from None

    def key_for(self, size):
        return next(key for seq, key in reversed(self.epochs) if seq == 0 or seq < size)

    def checkpoint(self, note):
        parsed = parse_note(note) if note is not None else None
        found = parsed and parse_checkpoint(parsed[0])
        return found if found and signed_by(parsed, self.key_for(found[1])) else None

    def signed_manifest(self, origin):
        wrong = unsigned_file("manifest.note")
        data = self.whole("manifest.note", SMALL_BYTES_MAX)
        text = utf8(data) if data is not None else None
        note = parse_note(text) if text is not None else None
        said = note and re.fullmatch("interlock evidence v1\n([^\n]*)\n([^\n]*)\n([0-9a-f]{64})\n", note[0])
        size = decimal(said[2]) if said else None
        if size is None or said[1] != origin or not signed_by(note, self.key_for(size)):
            raise wrong
        data = self.whole("manifest.json", MANIFEST_BYTES_MAX)
        if data is None or sha256(data).hex() != said[3]:
            raise altered_file("manifest.json")
        try:
            manifest = json.loads(data)
            numbers = [manifest["size"], manifest["entries"], *(f["bytes"] for f in manifest["files"])]
            sound = (
                manifest["format"] == "interlock-evidence-1" and manifest["origin"] == origin
                and manifest["size"] == size and manifest["entries"] <= size
                and len(manifest["files"]) <= FILES_MAX
                and all(type(n) is int and 0 <= n < 1 << 53 for n in numbers)
                and all(name_is_safe(f["name"]) and re.fullmatch("[0-9a-f]{64}", f["sha256"])
                        for f in manifest["files"]))
        except (ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise altered_file("manifest.json")
        self.manifest = manifest
        return manifest

    def digests(self, manifest):
        """Each file that was signed, and no other, as it was signed. Entries come later."""
        names = {"manifest.json", "manifest.note"}
        for file in manifest["files"]:
            name = file["name"]
            if name not in self.listed:
                raise Bad(2, f"missing file={name}")
            if name in names:
                raise altered_file("manifest.json")
            names.add(name)
        for name in sorted(self.listed):
            if name not in names:
                raise Bad(1, f"unlisted file={name}")
        for file in manifest["files"]:
            name = file["name"]
            if name == "entries.jsonl":
                continue
            digest = hashlib.sha256()
            sound = self.listed[name] == file["bytes"]
            for piece in self.files.pieces(name) if sound else ():
                sound = piece is not None
                digest.update(piece or b"")
            if not sound or digest.hexdigest() != file["sha256"]:
                raise altered_file(name)
        if "entries.jsonl" not in names:
            raise Bad(2, "missing file=entries.jsonl")
        return names

    def small(self, name, names):
        if name not in names:
            raise Bad(2, f"missing file={name}")
        data = self.whole(name, SMALL_BYTES_MAX)
        if data is None:
            raise altered_file(name)
        return data

    def log(self, manifest, names):
        head = self.checkpoint(utf8(self.small("checkpoint", names)))
        if head is None:
            raise unsigned_file("checkpoint")
        if head[:2] != (manifest["origin"], manifest["size"]):
            raise altered_file("checkpoint")
        _, self.size, self.root = head
        self.past = utf8(self.small("checkpoints.txt", names))
        self.stretches = utf8(self.small("ranges.csv", names))

    def ranges(self, manifest):
        """First entry and number of entries of each stretch."""
        wrong = altered_file("ranges.csv")
        text = self.stretches
        if text is None or not text.startswith("first,count\n") or not text.endswith("\n"):
            raise wrong
        ranges, following, entries = [], 0, 0
        for line in text[:-1].split("\n")[1:]:
            first, comma, count = line.partition(",")
            first, count = decimal(first), decimal(count)
            if (not comma or first is None or not count or first < following
                    or first + count > manifest["size"] or len(ranges) >= RANGES_MAX):
                raise wrong
            following, entries = first + count + 1, entries + count
            ranges.append((first, count))
        if entries != manifest["entries"]:
            raise wrong
        return ranges

    def read_tiles(self, names, size):
        left = sum(name.startswith("tile/") for name in names)
        for path, level, index, width, must in wanted_tiles(size):
            if path in names:
                data = self.whole(path, width * 32)
                if data is None or len(data) != width * 32:
                    raise altered_file(path)
                self.tiles[level, index] = data
                left -= 1
            elif must:
                raise Bad(2, f"missing file={path}")
        if left:
            raise altered_file("manifest.json")
        for (level, index), data in sorted(self.tiles.items()):
            if len(data) == TILE * 32:
                at = index % TILE * 32
                if self.tiles.get((level + 1, index // TILE), b"")[at : at + 32] != fold(data):
                    raise altered_file(f"tile/{level}#{index}")
        if self.root_at(size) != self.root:
            raise altered_file("tile")

    def node(self, height, number):
        """The root of the whole subtree of 2**height leaves that has this number, or None."""
        level, within = divmod(height, 8)
        index, start = divmod(number << within, TILE)
        data = self.tiles.get((level, index), b"")[start * 32 : (start + (1 << within)) * 32]
        return fold(data) if len(data) == 32 << within else None

    def root_at(self, size):
        """The root of the first entries, or None where the tiles do not reach."""
        if size == 0:
            return sha256(b"")
        root = None
        for height in range(64):
            if size >> height & 1:
                left = self.node(height, (size >> height) - 1)
                if left is None:
                    return None
                root = left if root is None else sha256(b"\x01" + left + root)
        return root

    def checkpoints(self, origin):
        """Earlier checkpoints, those enclosed and those from outside."""
        past = None if self.past is None else history(self.past.encode())
        if past is None or len(past) > CHECKPOINTS_MAX:
            raise altered_file("checkpoints.txt")
        for note in past:
            earlier = self.checkpoint(note)
            if earlier is None or earlier[0] != origin or earlier[1] > self.size:
                raise unsigned_file("checkpoints.txt")
            if self.root_at(earlier[1]) != earlier[2]:
                raise altered_file("checkpoints.txt")
        for note in self.outside:
            outside = self.checkpoint(note)
            if outside is None or outside[0] != origin:
                raise no_trust()
            _, size, root = outside
            if size > self.size:
                raise Bad(2, f"truncated size={self.size} expected={size}")
            known = self.root_at(size)
            if known is None:
                raise Bad(4, f"unchecked checkpoint={size}")
            if known != root:
                raise Bad(1, f"altered checkpoint={size}")

    def leaves(self, first, count):
        """The leaves of so many entries from one on, as one string of bytes; shorter where one is missing."""
        out = []
        while count:
            index, start = divmod(first, TILE)
            n = min(count, TILE - start)
            out.append(self.tiles.get((0, index), b"")[start * 32 : (start + n) * 32])
            if len(out[-1]) != n * 32:
                break
            first, count = first + n, count - n
        return b"".join(out)

    def hold(self, bodies, ranges):
        """Holds lines against the leaves of the entries that are next; `ranges` shrinks."""
        digest = hashlib.sha256
        found = b"".join([digest(b"\0" + body).digest() for body in bodies])
        while found and ranges:
            first, count = ranges[-1]
            count = min(count, len(found) // 32)
            given, found = found[: count * 32], found[count * 32 :]
            known = self.leaves(first, count)
            if given != known:
                same = next((n for n in range(count)
                             if given[n * 32 : n * 32 + 32] != known[n * 32 : n * 32 + 32]))
                raise altered_entry(first + same)
            ranges[-1] = (first + count, ranges[-1][1] - count)
            if not ranges[-1][1]:
                ranges.pop()
        # More lines than entries.
        return not found

    def entries(self, manifest, ranges):
        """Holds each line against its leaf; how many are erasures."""
        ranges = ranges[::-1]
        digest, length, rest, redactions, sound = hashlib.sha256(), 0, b"", 0, True
        for piece in self.files.pieces("entries.jsonl"):
            if piece is None:
                sound = False
                break
            digest.update(piece)
            length += len(piece)
            text = rest + piece
            end = text.rfind(b"\n") + 1
            whole, rest = text[:end], text[end:]
            if whole:
                sound = self.hold(whole[:-1].split(b"\n"), ranges)
                # A plain search first: the expression takes half of the time otherwise.
                if b'"kind":"erasure"' in whole:
                    redactions += sum(m.end() - m.start() <= 120 for m in ERASURE_RE.finditer(whole))
            if not sound or len(rest) > 65535:
                sound = False
                break
        if ranges:
            raise altered_entry(ranges[-1][0])
        file = next(f for f in manifest["files"] if f["name"] == "entries.jsonl")
        if (not sound or rest or digest.hexdigest() != file["sha256"] or length != file["bytes"]
                or self.listed["entries.jsonl"] != length):
            raise altered_file("entries.jsonl")
        return redactions


def is_bundle(path):
    """Whether a path is an evidence bundle and no log directory."""
    return os.path.isfile(path) or (
        not os.path.isdir(os.path.join(path, "journal")) and os.path.isfile(os.path.join(path, "manifest.json")))


def verify_bundle(path, vkeys, checkpoints):
    """The exit code, the verdict line and what the signed manifest says, for a bundle."""
    try:
        verifier = BundleVerifier(
            Unpacked(path) if os.path.isdir(path) else Zip(path), vkeys, checkpoints)
    except Bad as bad:
        return bad.code, bad.line, []
    return (*verifier.run(), verifier.report())


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
    parser.add_argument("dir", nargs="?", help="the log directory, <data>/log, or an evidence bundle")
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
    elif is_bundle(options.dir):
        code, line, logs = verify_bundle(options.dir, options.vkey, checkpoints)
    else:
        verifier = Verifier(Directory(options.dir), options.vkey, checkpoints)
        code, line = verifier.run()
        logs = verifier.report()
    print(json.dumps({"code": code, "verdict": line, "logs": logs}) if options.json else line)
    return code


if __name__ == "__main__":
    sys.exit(main())
