#!/usr/bin/env python3
"""PNG files for the tests of the image filter, and an independent calculation of the results.

usage: images.py make FOLDER          small PNGs of every kind: NAME.png, and NAME.npy with its pixels
       images.py photo FILE           one PNG of 3000 x 2000 pixels, made by Pillow
       images.py bad FOLDER           files that must be refused
       images.py check FOLDER         compares what FOLDER/jobs.json says was filtered

Shares no code with the handler: numpy, zlib, Pillow. A job is {"input", "output", "filter",
"sigma", "amount"}; the pixels of an input are those of the .npy beside it, else Pillow's.

Exit status: 0 all equal, 1 some differ (they are printed), 2 can't compare.
"""

import json
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
LEVELS = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}


# --- Writing PNGs of every kind -----------------------------------------------------------------


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(width, height, depth, color, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))


def packed(samples, depth):
    """(rows, samples per row) -> the rows' bytes"""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in samples]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in samples]
    shifts = np.arange(depth - 1, -1, -1)
    bits = (samples[:, :, None] >> shifts) & 1
    return [row.tobytes() for row in np.packbits(bits.reshape(len(samples), -1).astype(np.uint8), axis=1)]


def filtered(rows, step, kinds):
    """Each row with a filter of its own, so that readers have to undo all five."""
    out = []
    before = bytes(len(rows[0])) if rows else b""
    for row in rows:
        kind = next(kinds)
        left = bytes(step) + row[:-step]
        corner = bytes(step) + before[:-step]
        left, corner = left[: len(row)], corner[: len(row)]
        if kind == 0:
            guess = [0] * len(row)
        elif kind == 1:
            guess = left
        elif kind == 2:
            guess = before
        elif kind == 3:
            guess = [(a + b) // 2 for a, b in zip(left, before)]
        else:
            guess = [paeth(a, b, c) for a, b, c in zip(left, before, corner)]
        out.append(bytes([kind]) + bytes((x - g) & 255 for x, g in zip(row, guess)))
        before = row
    return b"".join(out)


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def cycle():
    while True:
        yield from (0, 1, 2, 3, 4)


def write_png(path, samples, depth, color, interlace, extra=b""):
    """samples: (height, width, samples per pixel), as they are in the file"""
    height, width, count = samples.shape
    step = max(1, count * depth // 8)
    passes = ADAM7 if interlace else [(0, 0, 1, 1)]
    data = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        if part.size:
            data += filtered(packed(part.reshape(part.shape[0], -1), depth), step, cycle())
    compressed = zlib.compress(data)
    half = len(compressed) // 2  # more than one IDAT
    path.write_bytes(
        SIGNATURE + ihdr(width, height, depth, color, int(interlace)) + extra
        + chunk(b"IDAT", compressed[:half]) + chunk(b"IDAT", compressed[half:]) + chunk(b"IEND", b"")
    )


def to_8_bits(samples, depth):
    if depth == 16:
        return samples >> 8
    return samples * 255 // ((1 << depth) - 1)


def make(folder):
    random = np.random.default_rng(20)
    for color, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlace in (False, True):
                for transparent in (False, True) if color in (0, 2, 3) else (False,):
                    make_one(folder, random, color, depth, interlace, transparent)
    # Sizes at which blocks, tiles and kernels end: a single pixel, a row, a column.
    for width, height in ((1, 1), (1, 9), (9, 1), (2, 2), (515, 3), (3, 515)):
        for mode, count in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)):
            pixels = random.integers(0, 256, (height, width, count), np.uint8)
            Image.fromarray(pixels.squeeze(2) if count == 1 else pixels, mode).save(
                folder / f"pillow-{mode}-{width}x{height}.png")


    # More than one stripe of the encoder.
    Image.fromarray(random.integers(0, 256, (500, 701, 3), np.uint8), "RGB").save(folder / "pillow-RGB-701x500.png")


def make_one(folder, random, color, depth, interlace, transparent):
    width, height = 37, 29
    samples = random.integers(0, 1 << depth, (height, width, SAMPLES[color]), np.int64)
    samples[5:9, 3:20] = samples[5, 3]  # something flat
    extra = b""
    if color == 3:
        palette = random.integers(0, 256, (1 << depth, 3), np.int64)
        extra = chunk(b"PLTE", palette.astype(np.uint8).tobytes())
        pixels = palette[samples[:, :, 0]]
        if transparent:
            alpha = np.full(1 << depth, 255, np.int64)
            given = random.integers(0, 256, max(1, (1 << depth) - 1), np.int64)  # the rest is opaque
            alpha[: len(given)] = given
            extra += chunk(b"tRNS", given.astype(np.uint8).tobytes())
            pixels = np.concatenate([pixels, alpha[samples[:, :, 0]][:, :, None]], axis=2)
    else:
        pixels = to_8_bits(samples, depth)
        if transparent:
            key = samples[5, 3].copy()
            if depth == 16:
                samples[0, 0] = key ^ 1  # equal in the upper 8 bits, but not transparent
                pixels[0, 0] = to_8_bits(samples[0, 0], depth)
            extra = chunk(b"tRNS", key.astype(">u2").tobytes())
            alpha = np.where((samples == key).all(axis=2), 0, 255)
            pixels = np.concatenate([pixels, alpha[:, :, None]], axis=2)
    name = f"{LEVELS[color]}{depth}{'-interlaced' if interlace else ''}{'-tRNS' if transparent else ''}"
    write_png(folder / f"{name}.png", samples, depth, color, interlace, extra)
    np.save(folder / f"{name}.npy", pixels.astype(np.uint8))


def photo(path):
    """Smooth shapes with noise, as a camera has it; pure noise would be no PNG's case."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:2000, 0:3000]
    waves = [np.sin(x / (90 + 40 * c)) * np.cos(y / (70 + 30 * c)) * 90 + 120 for c in range(3)]
    pixels = np.stack(waves, axis=2) + random.normal(0, 4, (2000, 3000, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB").save(path, compress_level=1)


# --- Files that must be refused -----------------------------------------------------------------


def bad(folder):
    pixels = zlib.compress(b"\0\1\2\3" * 4)
    start, idat, end = SIGNATURE + ihdr(3, 4, 8, 0), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    good = start + idat + end
    megabytes = zlib.compress(b"a" * (20 << 20), 9)
    files = {
        "good": good,
        "empty": b"",
        "text": b"not a picture\n",
        "jpeg": b"\xff\xd8\xff\xe0" + bytes(100),
        "signature-only": SIGNATURE,
        "huge": SIGNATURE + ihdr(100000, 100000, 8, 6) + idat + end,
        "largest": SIGNATURE + ihdr(2**31 - 1, 2**31 - 1, 16, 6) + idat + end,
        "beyond": SIGNATURE + ihdr(2**32 - 1, 1, 8, 6) + idat + end,
        "long": SIGNATURE + ihdr(70000, 1, 8, 0) + idat + end,
        "hollow": SIGNATURE + ihdr(7000, 7000, 8, 6) + idat + end,
        "zero-width": SIGNATURE + ihdr(0, 4, 8, 0) + idat + end,
        "depth": SIGNATURE + ihdr(3, 4, 5, 0) + idat + end,
        "color": SIGNATURE + ihdr(3, 4, 8, 5) + idat + end,
        "no-palette": SIGNATURE + ihdr(3, 4, 8, 3) + idat + end,
        "palette-index": SIGNATURE + ihdr(3, 4, 8, 3) + chunk(b"PLTE", bytes(3)) + idat + end,
        "huge-text": start + chunk(b"tEXt", b"k\0" + b"a" * (20 << 20)) + idat + end,
        "packed-text": start + chunk(b"zTXt", b"k\0\0" + megabytes) + idat + end,
        "packed-profile": start + chunk(b"iCCP", b"k\0\0" + megabytes) + idat + end,
        "many-texts": start + chunk(b"tEXt", b"k\0" + b"a" * (1 << 20)) * 20 + idat + end,
        "text-checksum": start + chunk(b"tEXt", b"k\0abc")[:-1] + b"\0" + idat + end,
        "header-checksum": good[:29] + b"\0\0\0\0" + good[33:],
        "pixel-checksum": start + idat[:-1] + bytes([idat[-1] ^ 1]) + end,
        "zlib-checksum": start + chunk(b"IDAT", pixels[:-1] + bytes([pixels[-1] ^ 1])) + end,
        "zlib-garbage": start + chunk(b"IDAT", b"garbage" * 9) + end,
        "row-filter": start + chunk(b"IDAT", zlib.compress(b"\5\1\2\3" * 4)) + end,
        "too-few-rows": start + chunk(b"IDAT", zlib.compress(b"\0\1\2\3" * 3)) + end,
        "unknown-critical": start + chunk(b"ABCD", b"x") + idat + end,
        "no-pixels": start + end,
    }
    for i in range(1, len(good) - 4):  # without the checksum of an empty chunk nothing is missing
        files[f"cut-{i}"] = good[:i]
    for name, data in files.items():
        (folder / f"{name}.png").write_bytes(data)


# --- The filters, from their definitions --------------------------------------------------------


def luma(pixels):
    r, g, b = (pixels[:, :, i].astype(np.int64) for i in range(3))
    return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16


def gray_of(pixels):
    return pixels[:, :, 0].astype(np.int64) if pixels.shape[2] <= 2 else luma(pixels)


def with_alpha_of(pixels, gray):
    parts = [gray[:, :, None]]
    if pixels.shape[2] % 2 == 0:
        parts.append(pixels[:, :, -1:])
    return np.concatenate(parts, axis=2).astype(float)


def blur_plane(plane, sigma):
    radius = int(np.ceil(3 * sigma))
    weights = np.exp(-np.arange(-radius, radius + 1) ** 2 / (2 * sigma**2))
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(plane, [(radius, radius) if a == axis else (0, 0) for a in (0, 1)], "edge")
        size = plane.shape[axis]
        plane = sum(w * padded.take(range(i, i + size), axis) for i, w in enumerate(weights))
    return plane


def blur(pixels, sigma):
    planes = pixels.astype(float)
    if planes.shape[2] % 2 != 0:
        return np.stack([blur_plane(planes[:, :, c], sigma) for c in range(planes.shape[2])], axis=2)
    opacity = blur_plane(planes[:, :, -1], sigma)
    colors = [blur_plane(planes[:, :, c] * planes[:, :, -1], sigma) for c in range(planes.shape[2] - 1)]
    divisor = np.where(opacity > 0, opacity, 1)
    return np.stack([np.where(opacity > 0, c / divisor, 0) for c in colors] + [opacity], axis=2)


def sobel(gray):
    p = np.pad(gray, 1, "edge")
    h, w = gray.shape
    at = lambda dy, dx: p[1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w]
    gx = at(-1, 1) - at(-1, -1) + 2 * (at(0, 1) - at(0, -1)) + at(1, 1) - at(1, -1)
    gy = at(1, -1) - at(-1, -1) + 2 * (at(1, 0) - at(-1, 0)) + at(1, 1) - at(-1, 1)
    return np.minimum(np.floor(np.sqrt((gx**2 + gy**2).astype(float)) + 0.5), 255)


def expected(pixels, job):
    """The result before rounding, and how far from it a rounded one may be."""
    name = job["filter"]
    colors = pixels.shape[2] - (pixels.shape[2] % 2 == 0)
    if name == "grayscale":
        return with_alpha_of(pixels, gray_of(pixels)), 0
    if name == "sobel":
        return with_alpha_of(pixels, sobel(gray_of(pixels))), 0
    result = pixels.astype(float)
    if name == "invert":
        result[:, :, :colors] = 255 - result[:, :, :colors]
        return result, 0
    # Half of what rounding makes, and a little for floats.
    if name == "gaussian_blur":
        return blur(pixels, job["sigma"]), 0.505
    soft = blur(pixels, job["sigma"])
    sharp = result + job["amount"] * (result - soft)
    result[:, :, :colors] = sharp[:, :, :colors].clip(0, 255)
    return result, 0.505


def pixels_of(path):
    if path.with_suffix(".npy").exists():
        return np.load(path.with_suffix(".npy"))
    return read(path)


def read(path):
    with Image.open(path) as image:
        image.load()
        pixels = np.array(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def flaw_of(path, shape):
    """What isn't as the PNG specification has it; readers forgive much."""
    data = path.read_bytes()
    at, kinds, idat = len(SIGNATURE), [], b""
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if data[at : at + 12 + size] != chunk(kind, body):
            return f"the {kind} chunk at {at} is damaged"
        kinds.append(kind)
        idat += body if kind == b"IDAT" else b""
        at += 12 + size
    if kinds != [b"IHDR"] + [b"IDAT"] * (len(kinds) - 2) + [b"IEND"]:
        return f"the chunks are {kinds}"
    stream = zlib.decompressobj()
    rows = stream.decompress(idat)  # checks the checksum at the end
    if not stream.eof or stream.unused_data:
        return "the compressed stream doesn't end where its chunks do"
    if len(rows) != shape[0] * (1 + shape[1] * shape[2]):
        return f"there are {len(rows)} bytes of rows"
    return None


def pillow_agrees(job, path):
    """Pillow's own results, where they are defined as ours."""
    with Image.open(path) as image:
        if job["filter"] == "grayscale" and image.mode == "RGB":
            return np.array(image.convert("L"))[:, :, None]
        if job["filter"] == "invert" and image.mode in ("L", "RGB"):
            from PIL import ImageOps
            inverted = np.array(ImageOps.invert(image))
            return inverted if inverted.ndim == 3 else inverted[:, :, None]
    return None


def check(folder):
    jobs = json.loads((folder / "jobs.json").read_text())
    equal = 0
    by_pillow = 0
    for job in jobs:
        source = pathlib.Path(job["input"])
        found = read(pathlib.Path(job["output"]))
        wanted, slack = expected(pixels_of(source), job)
        rival = None if source.with_suffix(".npy").exists() else pillow_agrees(job, source)
        by_pillow += rival is not None
        what = f"{source.name} {job['filter']}"
        if found.shape != wanted.shape:
            print(f"{what}: shape {found.shape}, expected {wanted.shape}")
        elif (worst := float(np.abs(found - wanted).max())) > slack:
            at = np.unravel_index(np.abs(found - wanted).argmax(), wanted.shape)
            print(f"{what}: differs by {worst} at {tuple(map(int, at))}")
        elif flaw := flaw_of(pathlib.Path(job["output"]), wanted.shape):
            print(f"{what}: {flaw}")
        elif rival is not None and not (found == rival).all():
            print(f"{what}: Pillow has it otherwise")
        else:
            equal += 1
    print(f"{equal} of {len(jobs)} results equal, {by_pillow} of them also Pillow's")
    return 0 if equal == len(jobs) else 1


def main(arguments):
    commands = {"make": make, "photo": photo, "bad": bad, "check": check}
    if len(arguments) != 2 or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]](pathlib.Path(arguments[1])) or 0
    except (OSError, ValueError, zlib.error) as error:
        print(f"images.py: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
