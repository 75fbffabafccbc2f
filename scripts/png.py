"""Makes pictures of pages small: at most 256 colours, exactly those of all but stray pixels. Standard
library only."""

import collections
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 256
# Of these the commonest are taken as they are.
COMMON = 128
CANDIDATES = 1_500


def chunks(data):
    at = len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def unfilter(raw, stride, height, step):
    """The rows without the filters of PNG (the specification's section 9)."""
    out, before, at = bytearray(), bytearray(stride), 0
    for _ in range(height):
        kind, row = raw[at], bytearray(raw[at + 1:at + 1 + stride])
        at += 1 + stride
        if kind == 1:
            for i in range(step, stride):
                row[i] = (row[i] + row[i - step]) & 255
        elif kind == 2:
            row = bytearray((a + b) & 255 for a, b in zip(row, before))
        elif kind == 3:
            for i in range(stride):
                left = row[i - step] if i >= step else 0
                row[i] = (row[i] + (left + before[i]) // 2) & 255
        elif kind == 4:
            for i in range(stride):
                a, b, c = (row[i - step], before[i], before[i - step]) if i >= step else (0, before[i], 0)
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                row[i] = (row[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
        out += row
        before = row
    return out


def chosen(seen):
    """The commonest colours, and of the others those that are farthest from all that are chosen."""
    common = [c for c, _ in seen.most_common(CANDIDATES)]
    if len(common) <= COLOURS:
        return common
    palette, rest = common[:COMMON], common[COMMON:]
    far = lambda a, b: (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
    apart = [min(far(c, p) for p in palette) for c in rest]
    while len(palette) < COLOURS:
        at = max(range(len(rest)), key=lambda i: apart[i] * seen[rest[i]] ** 0.5)
        if apart[at] == 0:
            break
        palette.append(rest[at])
        apart = [min(d, far(c, rest[at])) for c, d in zip(rest, apart)]
    return palette


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def smaller(data):
    """The same picture with a palette."""
    assert data.startswith(SIGNATURE), "no PNG"
    parts = collections.defaultdict(bytes)
    for kind, body in chunks(data):
        parts[kind] += body
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    assert depth == 8 and colour in (2, 6) and not interlaced, "not as Chromium writes it"
    step = 3 if colour == 2 else 4
    pixels = unfilter(zlib.decompress(parts[b"IDAT"]), width * step, height, step)
    flat = [bytes(pixels[i::step]) for i in range(3)]
    seen = collections.Counter(zip(*flat))
    palette = chosen(seen)
    index = {c: i for i, c in enumerate(palette)}
    for c in seen:
        if c not in index:
            index[c] = min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], c)))
    flat = bytes(index[c] for c in zip(*flat))
    rows = b"".join(b"\0" + flat[y * width:(y + 1) * width] for y in range(height))
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) + chunk(
        b"PLTE", b"".join(bytes(c) for c in palette)) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
