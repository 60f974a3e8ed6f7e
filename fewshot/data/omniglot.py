"""Omniglot (Lake et al. 2015) under the protocol of Reed et al. 2018, from either of two sources.

Protocol: 105x105 binary drawings, ink = 1; 4x4 max-pooling with stride 4 and no padding gives 26x26; 45 training
alphabets, 5 test alphabets by name. Five of the 45 are held out for every choice and every development figure.
"""

import os
import shutil
import unicodedata
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fewshot.data.errors import DataError
from fewshot.data.files import picture_files, read_arrays, read_file

SIDE = 105  # pixels of an original drawing
POOL = 4
POOLED_SIDE = SIDE // POOL  # 26

TEST_ALPHABETS = ("Tengwar", "Sylheti", "Tibetan", "Syriac_(Serto)", "ULOG")
VALIDATION_ALPHABETS = ("Alphabet_of_the_Magi", "Avesta", "Malayalam", "Mongolian", "N_Ko")
MOST_INK = 0.5  # of the pixels of 26x26: of real drawings 12 %
ALL_DRAWINGS = 32_460  # of Omniglot's 50 alphabets
SPLITS = ("all", "training", "training+validation", "validation", "test")


@dataclass(frozen=True)
class Drawings:
    """Drawings of characters: ``images`` uint8 [N, 26, 26] of 0/1, and for each its class in ``class_name``."""

    images: np.ndarray
    packed: np.ndarray  # the originals, uint8 [N, 1379]: their 105x105 pixels as bits
    class_id: np.ndarray  # [N]
    class_name: tuple[str, ...]  # "Alphabet/NN"

    def characters(self) -> list[np.ndarray]:
        """For each class that has drawings, in order of its id, the indices of its drawings."""
        order = np.argsort(self.class_id, kind="stable")
        _, starts = np.unique(self.class_id[order], return_index=True)
        return np.split(order, starts[1:])

    def originals(self, indices: np.ndarray) -> np.ndarray:
        """Some of the drawings as they were before pooling, uint8 [n, 105, 105] of 0/1."""
        return _unpack(self.packed[indices])

    def split(self, name: str) -> "Drawings":
        """The drawings of the alphabets of a split, one of SPLITS; training alphabets are those of no other split."""
        if name not in SPLITS:
            raise DataError(f"There is no split '{name}'. Choose one of: {', '.join(SPLITS)}.")
        special = dict.fromkeys(map(_plain, VALIDATION_ALPHABETS), "validation")
        special |= dict.fromkeys(map(_plain, TEST_ALPHABETS), "test")
        split_of_class = [special.get(_plain(c.split("/")[0]), "training") for c in self.class_name]
        keep = np.array([name == "all" or split in name.split("+") for split in split_of_class])[self.class_id]
        if not keep.any():
            raise DataError(f"The data has no drawing of the {name} alphabets.")
        return Drawings(self.images[keep], self.packed[keep], self.class_id[keep], self.class_name)


def _plain(alphabet: str) -> str:
    """An alphabet's name without case, spaces and punctuation: however it is spelt, what is held out stays so."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", alphabet).casefold()))


def max_pool(drawings: np.ndarray) -> np.ndarray:
    """4x4 max-pooling of [..., 105, 105] to [..., 26, 26]: rows and columns 0..103."""
    side = POOLED_SIDE * POOL
    blocks = drawings[..., :side, :side].reshape(*drawings.shape[:-2], POOLED_SIDE, POOL, POOLED_SIDE, POOL)
    return blocks.max(axis=(-3, -1))


def _unpack(rows: np.ndarray) -> np.ndarray:
    return np.unpackbits(rows, axis=1)[:, : SIDE * SIDE].reshape(-1, SIDE, SIDE)


def load(path: str | Path) -> Drawings:
    """Drawings of a packed ``.npz`` file, or of a folder that holds Alphabet/characterNN/*.png at any depth.

    A folder filled by ``torchvision.datasets.Omniglot`` (see ``download``) is such a folder. Raises DataError.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no data at '{path}'. 'python -m fewshot download --data DIR' fetches Omniglot.")
    return _load_folder(path) if path.is_dir() else _load_packed(path)


def download(folder: str | Path) -> None:
    """Fetch both halves of Omniglot, all 50 alphabets, into ``folder`` by torchvision. Raises DataError.

    All of it arrives, or nothing: until it is whole, it is in a hidden folder, which ``load`` does not read.
    """
    from torchvision.datasets import Omniglot

    place, partial = Path(folder, Omniglot.folder), Path(folder, ".partial")
    if place.exists():
        held = _number_in(place)
        if held != ALL_DRAWINGS:
            raise DataError(f"'{place}' holds {held} of Omniglot's {ALL_DRAWINGS} drawings: remove it, and try again.")
        return
    shutil.rmtree(partial, ignore_errors=True)  # of a download that was killed
    try:
        for background in (True, False):
            Omniglot(partial, background=background, download=True)
        held = _number_in(partial)
        if held != ALL_DRAWINGS:
            raise RuntimeError(f"it holds {held} of {ALL_DRAWINGS} drawings")
        os.replace(partial / Omniglot.folder, place)
    except (RuntimeError, OSError, HTTPException, BadZipFile, zlib.error) as error:
        # No network, a login page for a zip, a full disk.
        raise DataError(
            f"Omniglot could not be fetched into '{folder}' ({_reason(error)}): please try again."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _number_in(folder: Path) -> int:
    """How many drawings a folder holds; 0 if they cannot be read."""
    try:
        return len(load(folder).images)
    except DataError:
        return 0


def _reason(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0]


def _load_packed(path: Path) -> Drawings:
    wrong = DataError(f"'{path}' is not a packed Omniglot file, or a damaged one.")
    arrays = read_arrays(
        path, {"images": (None, -(-SIDE * SIDE // 8)), "class_id": (None,), "class_name": (None,)}, wrong
    )
    packed, class_id = arrays["images"], arrays["class_id"]
    names = arrays["class_name"]
    if packed.dtype != np.uint8 or class_id.dtype.kind not in "iu" or len(class_id) != len(packed) or not len(packed):
        raise wrong
    if names.dtype.kind != "U" or class_id.min() < 0 or class_id.max() >= len(names):
        raise wrong
    # A few thousand at a time: unpacked, the whole file would take a third of a gigabyte.
    images = np.concatenate([max_pool(_unpack(rows)) for rows in np.array_split(packed, max(1, len(packed) // 4096))])
    _check_ink(images, path)
    return Drawings(images, packed, class_id.astype(np.int64), tuple(map(str, names)))


def _check_ink(images: np.ndarray, path: Path) -> None:
    """Raises DataError for images [N, 26, 26] that are mostly ink: then ink and paper are the wrong way round."""
    share = images.mean() if len(images) else 0
    if share > MOST_INK:
        raise DataError(f"{share:.0%} of the drawings in '{path}' is ink: ink must be 1 (in pictures black), paper 0.")


def _load_folder(folder: Path) -> Drawings:
    # By file name within a class: the release's archives overlap, and a drawing found twice counts once.
    by_class: dict[str, dict[str, Path]] = {}
    for file in picture_files(folder.absolute(), {".png"}):
        if file.parent.name.startswith("character"):
            alphabet, character = file.parts[-3], file.parts[-2].removeprefix("character")
            by_class.setdefault(f"{alphabet}/{character}", {})[file.name] = file
    if not by_class:
        raise DataError(f"'{folder}' holds no Omniglot drawings (Alphabet/characterNN/*.png).")
    names = tuple(sorted(by_class))
    originals = (_read_drawing(file) for name in names for file in by_class[name].values())
    images, packed = zip(*((max_pool(ink), np.packbits(ink)) for ink in originals), strict=True)
    class_id = np.repeat(np.arange(len(names)), [len(by_class[name]) for name in names])
    _check_ink(np.stack(images), folder)
    return Drawings(np.stack(images), np.stack(packed), class_id, names)


def _read_drawing(file: Path) -> np.ndarray:
    """One original drawing as uint8 [105, 105], ink = 1 (in the file black or opaque, or what there is less of)."""
    levels = np.asarray(read_file(file, formats=("PNG",), size=(SIDE, SIDE)).convert("L"))
    ink = levels < 128 if levels.max() > 1 else levels == 0  # some files have 0 and 1
    return (ink if ink.mean() <= 0.5 else ~ink).astype(np.uint8)
