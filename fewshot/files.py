"""Output files: whether they can be written is found before the work, and none is ever half of one."""

import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def writable(folder: Path) -> None:
    """Make a folder, if there is none, and write into it. Raises OSError where that is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())


def writable_file(file: Path) -> None:
    """As ``writable``, for a file."""
    if file.is_dir():
        raise IsADirectoryError(f"'{file}' is a folder, not a file.")
    if not _is_device(file):
        writable(file.parent)
    if file.exists():
        with file.open("ab"):
            pass


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Where to write what takes the file's place when the block ends.

    Whatever ends it before, a full disk or a kill, leaves the file as it was.
    """
    if _is_device(file):
        yield file
        return
    file = file.resolve()  # not a link to it
    partial = file.with_name(f"{file.name}.partial")
    try:
        yield partial
        os.replace(partial, file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def to_json(value: Any) -> str:
    """As text that every reader of JSON understands: a number that is none, or infinite, becomes null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_device(file: Path) -> bool:
    """Whether there is something that takes what is written, but is no file: a terminal, a pipe, /dev/null."""
    return file.exists() and not file.is_file()
