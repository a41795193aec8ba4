"""See torch/__init__.py."""

from . import Module as Module
