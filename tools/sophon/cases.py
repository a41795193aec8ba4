"""What the end-to-end tests ask, and what must be answered: cases.py MODEL_FOLDER OUT writes OUT/reference.json and pictures.

A case's messages name its media by file (`file:` instead of a URL); the tests put the bytes there.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from prompts import Prompts
from reference import Reference
from shape import CONFIG, SPECIAL
from weights import make_weights

# A token that wins by less could lose on the chip, whose numbers have 8 bits.
LEAST_MARGIN = 0.1
STOP = {SPECIAL["<|im_end|>"], SPECIAL["<|endoftext|>"]}
VIDEO = {"frames": 8, "fps": 2, "seen": [0, 2, 5, 7]}


def main(folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    prompts, reference = Prompts(folder), Reference(CONFIG, make_weights())
    media = make_media(out)
    answers = {}
    for name, case in cases().items():
        messages = [{**message, "content": parts_of(message["content"], media)} for message in case["messages"]]
        used = [medium for message in case["messages"] for medium in media_of(message["content"], media)]
        ids, positions, pictures = prompts.make(messages, used)
        tokens, margins = reference.generate(ids, positions, pictures, case["max_tokens"], STOP)
        if min(margins) < LEAST_MARGIN:
            sys.exit(f"Case {name} is too close to call ({min(margins):.3f}): choose another prompt for it.")
        text = prompts.tokenizer.decode(tokens, skip_special_tokens=True)
        answers[name] = {**case, "prompt_tokens": len(ids), "tokens": tokens, "text": text}
        print(f"{name}: {len(ids)} tokens, {text!r}, closest {min(margins):.3f}")
    (out / "reference.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False))


def cases() -> dict:
    def user(*content):
        parts = [{"file": each} if ":" in each else {"type": "text", "text": each} for each in content]
        return {"role": "user", "content": parts}

    def text(content, role="user"):
        return {"role": role, "content": content}

    stone = user("image:stripes.png", "stone")
    found = {
        "text": [text("count")],
        "another text": [text("a train")],
        "a third text": [text("a nice hat")],
        "long text": [text("rain on a tin roof in autumn " * 2 + "stone")],
        "system": [text("be short", "system"), text("tea at noon")],
        "image": [stone],
        "two images": [user("image:stripes.png", "tea at noon", "image:rings.png")],
        "video": [user("video:clip.avi", "good day")],
        "second turn": [text("count"), text("ogubnquvol", "assistant"), text("stars")],
        "second turn after an image": [stone, text("sznrolrjop", "assistant"), text("who is it")],
    }
    return {name: {"messages": messages, "max_tokens": 5} for name, messages in found.items()}


def make_media(out: Path) -> dict:
    row, column = np.mgrid[0:50, 0:70]
    stripes = np.stack([column * 3 % 256, row * 5 % 256, (row + column) // 8 % 2 * 255], axis=-1)
    row, column = np.mgrid[0:64, 0:96]
    distance = np.hypot(row - 32, column - 48)
    rings = np.stack([distance * 4 % 256, 255 - distance * 2, distance // 10 % 2 * 200], axis=-1)
    images = {"stripes": stripes, "rings": rings}
    media = {}
    for name, pixels in images.items():
        image = Image.fromarray(pixels.astype(np.uint8), "RGB")
        image.save(out / f"{name}.png")
        media[f"image:{name}.png"] = image
    media["video:clip.avi"] = make_video(out / "clip.avi")
    return media


def make_video(path: Path) -> list:
    """A square that wanders, without loss of pixels. Returns the pairs of frames that a model sees, at one frame a second."""
    frames = []
    for index in range(VIDEO["frames"]):
        frame = np.full((64, 64, 3), (30, 60, 90), np.uint8)
        frame[8 + 4 * index : 24 + 4 * index, 40 - 5 * index : 56 - 5 * index] = (250, 200 - 20 * index, 10)
        frames.append(frame)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MPNG"), VIDEO["fps"], (64, 64))
    for frame in frames:
        writer.write(frame[:, :, ::-1])
    writer.release()
    pairs = []
    for first, second in zip(VIDEO["seen"][::2], VIDEO["seen"][1::2]):
        seconds = (first + second) / 2 / VIDEO["fps"]
        pairs.append((seconds, Image.fromarray(frames[first]), Image.fromarray(frames[second])))
    return pairs


def parts_of(content, media):
    if isinstance(content, str):
        return content
    return [{"type": part["file"].split(":")[0]} if "file" in part else part for part in content]


def media_of(content, media):
    return [] if isinstance(content, str) else [media[part["file"]] for part in content if "file" in part]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
