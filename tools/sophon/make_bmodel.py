"""Compiles the tiny Qwen3-VL for the BM1684X: make_bmodel.py VARIANT FOLDER leaves a whole model folder there.

The compiler is tpu_mlir's own converter of language models; it is given weights from memory instead of a checkpoint, and
its commands are run here, since it would run them through GNU parallel.
"""

import argparse
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

from model_files import write_model_files
from shape import CHUNK, CONFIG, MAX_INPUT, MAX_SIDE, SEQUENCE
from weights import make_weights

VARIANTS = {
    "static-bf16": {},
    "dynamic-bf16": {"dynamic": True},
    "f16-sample": {"quantize": "f16", "do_sample": True},
    "history": {
        "dynamic": True,
        "do_sample": True,
        "use_history_kv": True,
        "chunk_length": CHUNK,
        "max_input_length": CHUNK,
    },
}


def main(variant: str, folder: Path) -> None:
    switches = VARIANTS[variant]
    with tempfile.TemporaryDirectory(prefix="bmodel-") as scratch:
        compile_model(switches, Path(scratch))
        [bmodel] = Path(scratch).glob("*.bmodel")
        write_model_files(folder, sampled=switches.get("do_sample", False))
        (folder / "tiny.bmodel").write_bytes(bmodel.read_bytes())


def compile_model(switches: dict, out: Path) -> None:
    stand_in_for_torch()
    import tpu_mlir  # noqa: F401  sets PATH and the module path that the imports below need
    from llm.ModelHandle import SafetensorsModelHandle
    from llm.Qwen3VLConverter import Qwen3VLConverter
    from llm.transformers_compat import Config

    class Weights(SafetensorsModelHandle):
        """The converter's view of a checkpoint."""

        def __init__(self, weights: dict[str, np.ndarray], path: str):
            self.weights, self.model, self.model_path = weights, self, path

        def read(self, name):
            return self.weights[name].copy()

        def is_exist(self, name):
            return name in self.weights

        def get_tensor_info(self, name):
            return None

        def gen_config(self, converter):
            Path(converter.config_dir).mkdir(parents=True, exist_ok=True)

    class Converter(Qwen3VLConverter):
        def execute_tasks(self):
            commands = list(self.commands)
            self.commands.clear()
            for command in commands:
                subprocess.run(["bash", "-c", command], check=True)

    arguments = argparse.Namespace(**{**command_line(out), **switches})
    config = {**CONFIG, "text_config": {**CONFIG["text_config"]}}
    if arguments.quantize == "f16":
        config["text_config"]["dtype"] = "float16"
    Converter(arguments, Config(config), loader=Weights(make_weights(), arguments.model_path)).run()


def command_line(out: Path) -> dict:
    """What llm_convert.py would have been called with."""
    return {
        "model_path": "tiny",
        "out_dir": str(out),
        "chip": "bm1684x",
        "quantize": "bf16",
        "q_group_size": 64,
        "symmetric": False,
        "seq_length": SEQUENCE,
        "max_input_length": MAX_INPUT,
        "chunk_length": 0,
        "max_pixels": MAX_SIDE * MAX_SIDE,
        "max_shape": [MAX_SIDE, MAX_SIDE],
        "dynamic": False,
        "use_history_kv": False,
        "do_sample": False,
        "num_device": 1,
        "num_core": 0,
        "distribute_strategy": "tp",
        "batch": 1,
        "audio_length": 0,
        "lora_max_rank": 0,
        "embedding_disk": False,
        "only_mlir": False,
        "again": False,
        "debug": False,
    }


def stand_in_for_torch() -> None:
    """The converter imports torch for the names of its types and bases of classes that are not used here."""

    class Stub(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

    torch = types.ModuleType("torch")
    torch.__path__ = []
    for name in ("float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2"):
        setattr(torch, name, f"torch.{name}")
    sys.modules["torch"] = torch
    for name in ("torch.nn", "torch.nn.functional", "torch.onnx", "torchvision"):
        sys.modules[name] = Stub(name)
    torch.nn = sys.modules["torch.nn"]
    torch.nn.functional = sys.modules["torch.nn.functional"]


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in VARIANTS:
        sys.exit(f"usage: make_bmodel.py {{{','.join(VARIANTS)}}} FOLDER")
    main(sys.argv[1], Path(sys.argv[2]))
