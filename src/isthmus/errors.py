"""Everything that the library raises on purpose.

```
IsthmusError
├── PartError(ValueError)          a part, or a combination of parts, that cannot be built
├── DataError(ValueError)          rows, columns or values that cannot be used
├── FileFormatError(ValueError)    a saved model that cannot be read
├── MissingExtraError(ImportError) an optional package that is not installed
└── DivergedError(RuntimeError)    training whose loss did not stay finite
```

Each also derives from the built-in class in brackets, so that ``except ValueError`` works as scikit-learn's users expect.
"""

__all__ = ["DataError", "DivergedError", "FileFormatError", "IsthmusError", "MissingExtraError", "PartError"]


class IsthmusError(Exception):
    """The root of the library's own exceptions."""


class PartError(IsthmusError, ValueError):
    """A part, or a combination of parts, that cannot be built."""


class DataError(IsthmusError, ValueError):
    """Rows, columns or values that cannot be used."""


class FileFormatError(IsthmusError, ValueError):
    """A saved model that cannot be read."""


class MissingExtraError(IsthmusError, ImportError):
    """An optional package that is not installed."""


class DivergedError(IsthmusError, RuntimeError):
    """Training whose loss did not stay finite, whatever the rate."""
