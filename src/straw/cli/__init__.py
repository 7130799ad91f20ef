"""The front door: commands, what a person watches, and the demo."""

from straw.cli.main import main

__all__ = ["main"]
