"""Files for the moment: a folder of this process, which goes when it ends, or at the latest when the next starts."""

import atexit
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX, LOCK = "few-shot-studio-", "lock"


def own_folder() -> Path:
    """A new folder, for this user alone; those of studios that were killed are removed."""
    for file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):  # a folder without is just being made
        _remove_if_left(file.parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = FileLock(folder / LOCK)
    lock.acquire()  # until this process ends, in whatever way
    atexit.register(_remove, folder, lock)
    return folder


def used(file: Path) -> None:
    """Remove an uploaded file, and the folder that Gradio made for it."""
    file.unlink(missing_ok=True)
    with suppress(OSError):  # another file is in it
        file.parent.rmdir()


def _remove_if_left(folder: Path) -> None:
    try:
        with FileLock(folder / LOCK, timeout=0):
            pass
    except (OSError, Timeout):  # somebody else's, or in use
        return
    shutil.rmtree(folder, ignore_errors=True)


def _remove(folder: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)
