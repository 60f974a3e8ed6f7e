"""Online products: an episode's supports and target are different photographs of one product (Reed et al. 2018, 4.3).

From a packed file, or from a folder of the Stanford Online Products release (Song et al. 2016). Every fifth product of
each source is held out of training, with all of its photographs.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot.data.episodes import Episodes, Transform
from fewshot.data.errors import DataError
from fewshot.data.files import read_arrays
from fewshot.data.photos import read_file

SIDE = 32
SHOTS = 3  # of an episode; a product that has fewer repeats them
HELD_OUT_EVERY = 5
SPLITS = ("training", "validation", "test")  # "test" is in the official release only
LISTS = {"Ebay_train.txt": "training", "Ebay_test.txt": "test"}  # of the official release
CLASS_ID = re.compile("[0-9]{1,15}")  # in them


@dataclass(frozen=True)
class Products:
    """``images`` uint8 [N, 32, 32, 3]; of each, its product, and whether it is of Stanford Online Products."""

    images: NDArray[np.uint8]
    class_id: NDArray[np.int64]  # [N]
    stanford: NDArray[np.bool_]  # [N]

    def members(self) -> list[NDArray[np.int64]]:
        """For each product that has at least two photographs, their indices."""
        order = np.argsort(self.class_id, kind="stable")
        _, starts = np.unique(self.class_id[order], return_index=True)
        return [members for members in np.split(order, starts[1:]) if len(members) > 1]


class ProductEpisodes(NamedTuple):
    """Episodes with one target each; of each, its product, and whether that is of Stanford Online Products."""

    episodes: Episodes
    class_id: NDArray[np.int64]  # [B]
    stanford: NDArray[np.bool_]  # [B]


class ProductSampler:
    """Training episodes that depend on nothing but the seed and the step: one target of each of ``products`` products.

    All products are as likely. Each photograph is mirrored half of the time. ``transform`` gets the photographs of an
    episode [N, 32, 32, 3] and a random generator, and gives what is used in their place. In a share of the steps,
    ``without``, there are no supports.
    """

    def __init__(
        self,
        products: Products,
        number: int,
        seed: int,
        transform: Transform | None = None,
        without: float = 0.0,
    ):
        self.images, self.members, self.number, self.seed = products.images, products.members(), number, seed
        self.transform, self.without = transform, without
        if not self.members:
            raise DataError("The data has no product with two photographs.")

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Episodes:
        """The episodes of one training step, or of them process ``rank``'s share among ``world``."""
        rng = np.random.default_rng([self.seed, step])
        # Different ones, where there are so many.
        chosen = [self.members[c] for c in rng.choice(len(self.members), self.number, self.number > len(self.members))]
        picked = np.stack([np.append(*_episode(rng.permutation(c), 0)) for c in chosen])
        images = self.images[picked]
        flipped = rng.random(picked.shape) < 0.5
        images[flipped] = images[flipped][:, :, ::-1]
        if self.transform is not None:
            images = np.stack([self.transform(episode, rng) for episode in images])
        shots = 0 if rng.random() < self.without else SHOTS
        return Episodes(images[rank::world, :shots], images[rank::world, SHOTS:])


def evaluation_episodes(products: Products, targets: int, seed: int) -> ProductEpisodes:
    """Up to ``targets`` photographs of every product, each given others of it. Raises DataError if there are none."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(members) for members in products.members()]
    picked = [_episode(members, i) for members in shuffled for i in range(min(targets, len(members)))]
    if not picked:
        raise DataError("The data has no product with two photographs, or no target was asked for.")
    supports, target = (np.array(part) for part in zip(*picked, strict=True))
    episodes = Episodes(products.images[supports], products.images[target][:, None])
    return ProductEpisodes(episodes, products.class_id[target], products.stanford[target])


def _episode(members: NDArray[np.int64], i: int) -> tuple[NDArray[np.int64], np.int64]:
    """The SHOTS photographs after the i-th, in a circle, fewer repeated; and the i-th, the target."""
    return np.resize(np.roll(members, -i)[1 : 1 + SHOTS], SHOTS), members[i]


def load(path: str | Path, split: str = "all") -> Products:
    """The products of a split, one of SPLITS, or "all", of a packed ``.npz`` file or the official release's folder.

    The file has ``images`` uint8 [N, 32, 32, 3], ``class_id`` and ``source``, 0 for Stanford Online Products. Raises
    DataError.
    """
    path = Path(path)
    if split not in (*SPLITS, "all"):
        raise DataError(f"Products have no split '{split}'. Choose one of: {', '.join((*SPLITS, 'all'))}.")
    if not path.exists():
        raise DataError(f"There is no data at '{path}'.")
    return _load_folder(path, split) if path.is_dir() else _load_packed(path, split)


def _load_packed(path: Path, split: str) -> Products:
    wrong = DataError(f"'{path}' is not a packed file of {SIDE}x{SIDE} products, or a damaged one.")
    arrays = read_arrays(path, {"images": (None, SIDE, SIDE, 3), "class_id": (None,), "source": (None,)}, wrong)
    images, class_id, source = arrays.values()
    if images.dtype != np.uint8 or any(
        x.shape != images.shape[:1] or x.dtype.kind not in "iu" for x in (class_id, source)
    ):
        raise wrong
    keep = np.zeros(len(images), bool)
    for one in np.unique(source):
        keep[source == one] = _of_split(class_id[source == one], "training", split)
    return _some(images[keep], class_id[keep], source[keep] == 0, split)


def _load_folder(folder: Path, split: str) -> Products:
    files, class_id = [], []
    for name, part in LISTS.items():
        rows = _read_list(folder / name)
        ids = np.array([int(row[1]) for row in rows], int)
        keep = _of_split(ids, part, split)
        files += [folder / row[3] for row, kept in zip(rows, keep, strict=True) if kept]
        class_id += ids[keep].tolist()
    images = np.array([read_file(file, SIDE) for file in files], np.uint8)
    return _some(images, np.array(class_id, int), np.ones(len(files), bool), split)


def _read_list(file: Path) -> list[list[str]]:
    """The rows [image_id, class_id, super_class_id, path] of one of LISTS."""
    wrong = DataError(f"'{file}' is missing, or not a list of the official release of Stanford Online Products.")
    try:
        rows = [line.split() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise wrong from error
    if rows and rows[0][0] == "image_id":  # the header of the release
        rows = rows[1:]
    if not all(len(row) == 4 and CLASS_ID.fullmatch(row[1]) for row in rows):
        raise wrong
    return rows


def _of_split(class_id: NDArray[np.int64], part: str, split: str) -> NDArray[np.bool_]:
    """Which photographs of ``part``, training or test, with these products are of the split."""
    if split == "all" or part == "test":
        return np.full(len(class_id), split in ("all", part))
    _, place = np.unique(class_id, return_inverse=True)
    held_out = place % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
    return held_out if split == "validation" else ~held_out & (split == "training")


def _some(images: NDArray, class_id: NDArray, stanford: NDArray, split: str) -> Products:
    if not len(images):
        raise DataError(f"The data has no {split} products.")
    return Products(images, class_id, stanford)
