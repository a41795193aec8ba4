"""The Python way to prepare a picture for Qwen3-VL: Pillow and numpy, as lean as they allow.

Reads one JSON job per line on stdin, answers with one JSON line: CPU time per stage in microseconds, and hashes.
"""
import hashlib
import json
import sys
import time

import numpy as np
from PIL import Image


def picture(job):
    """Draws a picture and stores it as JPEG."""
    width, height = job["size"]
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([127 + 120 * np.sin(x / 9) * np.cos(y / 11), 255 * x / width, 255 * y / height], axis=-1)
    rgb += np.random.default_rng(7).normal(0, 10, rgb.shape)
    Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(job["file"], quality=90)
    return {}


def blocks(grid):
    """[rows, columns] into merge-block order."""
    rows, columns = grid.shape[-2:]
    split = grid.reshape(*grid.shape[:-2], rows // 2, 2, columns // 2, 2)
    return np.ascontiguousarray(np.moveaxis(split, -3, -2).reshape(*grid.shape[:-2], -1).T)


def positions(rows, columns):
    row, column = np.indices((rows, columns), dtype=np.int32)
    y, x = np.linspace(0, 47, rows, dtype=np.float32), np.linspace(0, 47, columns, dtype=np.float32)
    top, left = y.astype(np.int32), x.astype(np.int32)
    bottom, right = np.minimum(top + 1, 47), np.minimum(left + 1, 47)
    down, across = (y - top)[:, None], (x - left)[None]
    corners = [a[:, None] * 48 + b[None] for a in (top, bottom) for b in (left, right)]
    weights = [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across]
    return blocks(np.stack([row, column])), blocks(np.stack(corners)), blocks(np.stack(weights))


def patches(pair):
    values = np.asarray(pair, dtype=np.float32)
    values -= 127.5
    values /= 127.5
    if len(values) == 1:
        values = np.repeat(values, 2, axis=0)
    _, height, width, _ = values.shape
    split = values.reshape(2, height // 32, 2, 16, width // 32, 2, 16, 3)
    return np.ascontiguousarray(split.transpose(1, 4, 2, 5, 7, 0, 3, 6).reshape(-1, 1536))


def prepare(job):
    clock = [time.process_time_ns()]
    mark = lambda: clock.append(time.process_time_ns())
    image = Image.open(job["file"])
    image = image.convert("RGB")
    mark()
    size = tuple(job["to"])
    resized = [np.asarray(image.resize(size, Image.BICUBIC)) for _ in range(job["frames"])]
    mark()
    tensors = [patches(resized[at : at + 2]) for at in range(0, job["frames"], 2)]
    mark()
    positions(size[1] // 16, size[0] // 16)
    mark()
    stages = [(after - before) / 1000 for before, after in zip(clock, clock[1:])]
    answer = dict(zip(("decode", "resize", "patches", "positions"), stages))
    if job["check"]:
        answer["sha256"] = hashlib.sha256(tensors[0]).hexdigest()
    return answer


for line in sys.stdin:
    job = json.loads(line)
    print(json.dumps(picture(job) if job["do"] == "picture" else prepare(job)), flush=True)
