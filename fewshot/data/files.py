"""Files of a data set: pictures in folders, arrays in packed files. What is wrong with them is said in one sentence."""

import lzma
import math
import sys
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from fewshot.data.errors import DataError
from fewshot.data.pictures import PictureError, decode

MAX_ARRAY_BYTES = 8_000_000_000
JUNK_FOLDERS = {"__MACOSX"}  # of archives that were made on a Mac


def picture_files(folder: Path, endings: set[str]) -> list[Path]:
    """The picture files of a folder at any depth, sorted; what systems leave beside them is skipped, with a count.

    Raises DataError if the folder cannot be read.
    """
    try:
        next(folder.iterdir(), None)
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in endings and file.is_file())
    except OSError as error:
        raise DataError(f"'{folder}' cannot be read ({error.strerror}).") from error
    parts = [file.relative_to(folder).parts for file in files]  # they count below the folder alone
    is_junk = [any(part.startswith(".") or part in JUNK_FOLDERS for part in one) for one in parts]
    kept = [file for file, junk in zip(files, is_junk, strict=True) if not junk]
    if len(kept) < len(files):
        print(f"{len(files) - len(kept)} hidden files in '{folder}' are not pictures: skipped.", file=sys.stderr)
    return kept


def read_file(file: Path, formats: tuple[str, ...] | None = None, size: tuple[int, int] | None = None) -> Image.Image:
    """A data set's picture in RGB, on white where it is clear; of some formats and one size only. Raises DataError."""
    try:
        picture = decode(file.read_bytes(), formats=formats, limited=False)
    except (OSError, PictureError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"'{file}' is not a readable picture ({reason}).") from error
    if size is not None and picture.size != size:
        raise DataError(f"'{file}' is {picture.width}x{picture.height}, not {size[0]}x{size[1]}.")
    return on_white(picture)


def on_white(picture: Image.Image) -> Image.Image:
    """A picture in RGB, white where it was clear."""
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def read_arrays(path: Path, shapes: dict[str, tuple[int | None, ...]], wrong: DataError) -> dict[str, np.ndarray]:
    """Arrays of an ``.npz`` file by name, each of a shape, in which None is any length. Raises ``wrong``.

    What a file claims of itself is checked before it is believed: a few bytes can claim an array of any size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name, wanted in shapes.items():
                with archive.open(f"{name}.npy") as file:
                    version = npy.read_magic(file)
                    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                    shape, _, dtype = read_header(file)
                    claimed = math.prod(shape) * dtype.itemsize
                    held = archive.getinfo(f"{name}.npy").file_size
                if len(shape) != len(wanted) or any(w not in (None, n) for w, n in zip(wanted, shape, strict=True)):
                    raise wrong
                if dtype.hasobject or not dtype.itemsize or not claimed < held <= MAX_ARRAY_BYTES:
                    raise wrong
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in shapes}
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        EOFError,
        RuntimeError,
        MemoryError,
        NotImplementedError,
    ) as error:
        raise wrong from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise wrong from error
    except (tokenize.TokenError, SyntaxError, OverflowError) as error:  # of a header
        raise wrong from error
