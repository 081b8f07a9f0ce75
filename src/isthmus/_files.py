import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    r"""A binary file that appears at `path` whole, when the block ends, or not at all.

    The bytes go to a temporary file in the same folder, which then replaces `path` in one step; when the block raises,
    the temporary is removed and a file that stood at `path` before is untouched. A link is followed, permissions of a replaced
    file are kept, and what is no regular file (a pipe, the null device) is written to directly. A writer that wants a path
    instead of a file finds the temporary's in the file's `name`.

    Args:
        path: the file to make or replace.

    Yields:
        The file to write to.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: `path` is a folder.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = pathlib.Path(folder, "numbers.bin")
        ...     with atomic_write(target) as file:
        ...         written = file.write(bytes([1, 2, 3]))
        ...     target.read_bytes()
        b'\x01\x02\x03'
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"Cannot write to {str(path)!r}: it is a folder. Give the path of a file, inside of it or elsewhere.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"Cannot write to {str(path)!r}: there is no folder {str(target.parent)!r}. Make it, or write elsewhere.")
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    # Mode "x" makes the file with the permissions that the user's umask asks for; `tempfile` would make it private.
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            # Without this a power cut after the replacement may leave an empty file under the final name.
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
