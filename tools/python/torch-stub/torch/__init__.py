"""Stands in for PyTorch where MLX computes: mlx-openai-server and outlines_core import it and use its names only."""

__version__ = "0.0.0"


class Tensor:
    """What nothing here is an instance of."""


class Module:
    """As above; the real one is `torch.nn.Module`."""


def tensor(*_args, **_kwargs):
    raise NotImplementedError("this environment has no PyTorch")


def __getattr__(name):
    raise AttributeError(f"this environment has no PyTorch, so no torch.{name}")
