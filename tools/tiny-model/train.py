"""Trains the tiny model on the CPU, from nothing or from earlier weights.

Writes weights.npz, tokenizer.json and log.json to the --out folder. --resume takes such a folder or a Hugging Face
folder, whose vocabulary is kept.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import time

import jax
import jax.numpy as jnp
import numpy as np
from tokenizers import Tokenizer

import model
import optimiser
import shape
import vocabulary
import weights
from packing import Packer
from text.corpus import MIXES


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--resume", type=pathlib.Path, help="folder of earlier weights")
    parser.add_argument("--mix", default="b", choices=list(MIXES))
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--minutes", type=float, default=600, help="ends early, with the rate already lowered for it")
    parser.add_argument("--lr", type=float, default=0.02, help="highest learning rate")
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--length", type=int, default=384, help="tokens in a row")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def rate(highest: float, step: int, progress: float) -> float:
    """Twenty steps up, level until 40 % of the way, then straight down."""
    return highest * min(1., step / 20) * (1. if progress < .4 else max(.02, (1 - progress) / .6))


def main() -> None:
    a = options()
    a.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(a.resume / "tokenizer.json")) if a.resume else vocabulary.build()
    assert tokenizer.get_vocab_size() == shape.VOCABULARY, tokenizer.get_vocab_size()
    tokenizer.save(str(a.out / "tokenizer.json"))
    parameters = model.from_weights(weights.load(a.resume)) if a.resume else model.fresh(a.seed)
    size = sum(p.size for p in jax.tree.leaves(parameters))
    print(f"{size} parameters", flush=True)

    state = optimiser.fresh_state(parameters)
    packer = Packer(tokenizer, a.rows, a.length, a.mix)
    r = random.Random(a.seed)
    start = time.time()
    log, seen, mean, hits = [], 0, None, np.zeros(2)
    for i in range(1, a.steps + 1):
        progress = max(i / a.steps, (time.time() - start) / (a.minutes * 60))
        if progress >= 1 and i > 1:
            break
        batch = packer.batch(r)
        seen += int((batch[2] > 0).sum())
        parameters, state, loss, hit = optimiser.step(
            parameters, state, batch, jnp.float32(rate(a.lr, i, progress)), jnp.float32(i))
        loss = float(loss)
        mean = loss if mean is None else .95 * mean + .05 * loss
        hits += [int(hit[0]), int(hit[1])]
        if i % 25 == 0 or i == 1:
            seconds = time.time() - start
            accuracy = hits[0] / hits[1]
            log.append({"step": i, "loss": loss, "mean": mean, "accuracy": accuracy, "seconds": seconds,
                        "tokens": seen})
            print(f"step {i} loss {loss:.4f} mean {mean:.4f} accuracy {accuracy:.4f} tokens {seen} "
                  f"{seconds / i:.2f} s/step", flush=True)
            hits[:] = 0
        if i % 100 == 0:
            weights.save(model.to_weights(parameters), a.out)
    weights.save(model.to_weights(parameters), a.out)
    report = {"parameters": size, "steps": i, "seconds": time.time() - start, "tokens": seen, "log": log}
    (a.out / "log.json").write_text(json.dumps(report, indent=1))


main()
