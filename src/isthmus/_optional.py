import importlib
from typing import Any

from isthmus.errors import MissingExtraError

__all__ = ["optional"]


def optional(module: str, extra: str) -> Any:
    """The optional package `module`, which the extra `extra` installs; `MissingExtraError` if it is not there."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"This needs the package {package!r}, which is not installed. Try: pip install 'isthmus[{extra}]'"
        ) from error
