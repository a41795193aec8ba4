"""Prompts of the reference: Jinja2, Hugging Face's tokenizers and Pillow, where Backplane has its own code."""

import json
from pathlib import Path

import jinja2
import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from reference import Picture, in_blocks
from shape import MAX_SIDE, SPECIAL

MIN_PIXELS = 64 * 64
MAX_PIXELS = MAX_SIDE * MAX_SIDE
START, END = SPECIAL["<|vision_start|>"], SPECIAL["<|vision_end|>"]


class Prompts:
    def __init__(self, folder: Path):
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
        source = json.loads((folder / "chat_template.json").read_text())["chat_template"]
        self.template = environment.from_string(source)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def make(self, messages: list[dict], media: list):
        """`media`: a Pillow picture, or a list of (seconds, frame, frame), for each part that is none of text.

        Returns token ids, positions [3, tokens] and pictures.
        """
        text = self.template.render(messages=messages, add_generation_prompt=True)
        images = [medium for medium in media if not isinstance(medium, list)]
        videos = [medium for medium in media if isinstance(medium, list)]
        drawn = [patches_of(image, image) for image in images]
        for grid, _ in drawn:
            text = text.replace("<|image_pad|>", "<image>" * tokens_of(grid), 1)
        text = text.replace("<image>", "<|image_pad|>")
        for pairs in videos:
            blocks = ""
            for seconds, first, second in pairs:
                drawn.append(patches_of(first, second))
                blocks += f"<{seconds:.1f} seconds><|vision_start|>" + "<video>" * tokens_of(drawn[-1][0]) + "<|vision_end|>"
            text = text.replace("<|vision_start|><|video_pad|><|vision_end|>", blocks, 1)
        text = text.replace("<video>", "<|video_pad|>")
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        starts = [index + 1 for index, id in enumerate(ids) if id == START]
        pictures = [Picture(start, *each) for start, each in zip(starts, drawn, strict=True)]
        return ids, positions_of(len(ids), pictures), pictures


def positions_of(length: int, pictures: list[Picture]) -> np.ndarray:
    """Text counts on; a picture's tokens share a moment and differ by row and column; what follows goes on after the largest."""
    positions, following, at = np.zeros((3, length), int), 0, 0
    for picture in pictures:
        rows, columns = picture.grid[0] // 2, picture.grid[1] // 2
        before = picture.start - at
        positions[:, at : picture.start] = following + np.arange(before)
        following += before
        at = picture.start + rows * columns
        row, column = np.divmod(np.arange(rows * columns), columns)
        positions[:, picture.start : at] = following + np.stack([0 * row, row, column])
        following += max(rows, columns)
    positions[:, at:] = following + np.arange(length - at)
    return positions


def patches_of(first: Image.Image, second: Image.Image):
    """Grid in patches, and [patches, 1536]: channel, moment, row, column of each."""
    moments = np.stack([np.asarray(resized(frame), np.float64) for frame in (first, second)])
    _, height, width, _ = moments.shape
    grid = height // 16, width // 16
    cut = moments.reshape(2, grid[0], 16, grid[1], 16, 3).transpose(1, 3, 5, 0, 2, 4)
    return grid, in_blocks((cut / 255 - 0.5) / 0.5, grid)


def resized(image: Image.Image) -> Image.Image:
    image = image.convert("RGB")
    width, height = (max(32, round(side / 32) * 32) for side in image.size)
    assert MIN_PIXELS <= width * height <= MAX_PIXELS, "the cases keep to sizes that need no shrinking"
    return image.resize((width, height), Image.Resampling.BICUBIC)


def tokens_of(grid: tuple[int, int]) -> int:
    return grid[0] * grid[1] // 4
