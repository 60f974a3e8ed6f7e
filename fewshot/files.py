"""Output files: whether they can be written is found before the work, not after it."""

import os
import tempfile
from pathlib import Path


def writable(folder: Path) -> None:
    """Make a folder, if there is none, and write into it. Raises OSError where that is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())


def writable_file(file: Path) -> None:
    """As ``writable``, for a file."""
    writable(file.parent)
    if file.is_dir():
        raise IsADirectoryError(f"'{file}' is a folder, not a file.")
    if file.exists():
        with file.open("ab"):
            pass
