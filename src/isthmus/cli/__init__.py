"""The command line: `isthmus fit | encode | decode | reconstruct | evaluate | info | demo`."""

from ._main import main as main

__all__ = ["main"]
