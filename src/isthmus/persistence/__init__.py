"""Models as files: configuration as JSON, arrays as safetensors, nothing that runs.

```
estimator ── Bundle(kind, parameters, fitted, arrays) ── write_bundle / read_bundle ── one .isthmus file
                      │             │        │
                  to_config    JSON values  named_arrays
                  from_config               fill
```

A file is read without trusting it: names in it are looked up among the parts that Isthmus exports and the classes that the
caller hands over, never imported, and every byte stands under a checksum.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._arrays import fill as fill
    from ._arrays import named_arrays as named_arrays
    from ._bundle import FORMAT as FORMAT
    from ._bundle import Bundle as Bundle
    from ._bundle import Header as Header
    from ._bundle import read_bundle as read_bundle
    from ._bundle import read_header as read_header
    from ._bundle import write_bundle as write_bundle
    from ._config import from_config as from_config
    from ._config import to_config as to_config

__all__ = ["FORMAT", "Bundle", "Header", "fill", "from_config", "named_arrays", "read_bundle", "read_header", "to_config", "write_bundle"]

# On first use, so that `read_header` can serve `isthmus info` without the half second that importing JAX takes.
_FILES = {
    "Bundle": "._bundle",
    "FORMAT": "._bundle",
    "Header": "._bundle",
    "fill": "._arrays",
    "from_config": "._config",
    "named_arrays": "._arrays",
    "read_bundle": "._bundle",
    "read_header": "._bundle",
    "to_config": "._config",
    "write_bundle": "._bundle",
}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FILES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
