"""Photographs, and the mirror task: the one support is the target's mirror image (Reed et al. 2018, section 4.2)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fewshot.data import files
from fewshot.data.episodes import Episodes
from fewshot.data.errors import DataError
from fewshot.data.files import picture_files, read_arrays
from fewshot.data.pictures import decode

SIDE = 48
SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "photos"
ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
HELD_OUT_FOLDERS = {"val", "validation"}  # ImageNet's layout is train/CLASS/*.JPEG and val/...
HELD_OUT_EVERY = 20  # of the photographs of a folder that has no such part


@dataclass(frozen=True)
class Photos:
    """Photographs in colour: ``images`` uint8 [N, 48, 48, 3], and for each whether it is held out of training."""

    images: NDArray[np.uint8]
    held_out: NDArray[np.bool_]  # [N]

    def split(self, name: str) -> NDArray[np.uint8]:
        """The images of "training", "validation" or "all". Raises DataError if there are none."""
        if name not in ("training", "validation", "all"):
            raise DataError(f"Photographs have no split '{name}'. Choose one of: training, validation, all.")
        images = self.images if name == "all" else self.images[self.held_out == (name == "validation")]
        if not len(images):
            raise DataError(f"The data has no {name} photographs.")
        return images


class MirrorSampler:
    """Training episodes that depend on nothing but the seed and the step: a photograph, and its mirror image.

    At half their side photographs cost a fifth of the time, and the way to the mirrored place is found on them as well:
    of the first of ``growing`` steps nearly all have these, of the last nearly none.
    """

    def __init__(self, images: NDArray[np.uint8], photos: int, seed: int, growing: int = 0):
        if len(images) < photos:
            raise DataError(f"A step needs {photos} photographs, the data has {len(images)}.")
        self.images, self.halved = images, shrink(images, images.shape[2] // 2)
        self.photos, self.seed, self.growing = photos, seed, growing

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Episodes:
        """The episodes of one training step, or of them process ``rank``'s share among ``world``."""
        rng = np.random.default_rng([self.seed, step])
        images = self.halved if step < self.growing * rng.random() else self.images
        return mirrored(images[rng.choice(len(images), self.photos, replace=False)[rank::world]])


def mirrored(images: NDArray[np.uint8]) -> Episodes:
    """One episode for each of the images [N, H, W, 3], or [N, H, W]: its mirror image is the support."""
    return Episodes(np.ascontiguousarray(images[:, None, :, ::-1]), images[:, None])


def shrink(images: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Images [N, H, W, 3] of a smaller ``width``, which divides W, and height: the mean of each block of pixels."""
    block = images.shape[2] // width
    blocks = images.reshape(len(images), images.shape[1] // block, block, width, block, 3)
    return np.rint(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)


def read_photo(data: bytes, side: int) -> NDArray[np.uint8]:
    """The middle square of a picture file, on white where it is clear: [side, side, 3]. Raises PictureError."""
    return _middle(files.on_white(decode(data)), side)


def read_file(file: Path, side: int) -> NDArray[np.uint8]:
    """As ``read_photo``, but of a data set's file, which may be large. Raises DataError."""
    return _middle(files.read_file(file), side)


def _middle(picture: Image.Image, side: int) -> NDArray[np.uint8]:
    return np.asarray(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS))


def samples(task: str, side: int) -> dict[str, NDArray[np.uint8]]:
    """Pictures to try a task with (see assets/README.md), [N, side, side, 3], by what they show: views of one thing."""
    views: dict[str, list[NDArray[np.uint8]]] = {}
    for file in sorted((SAMPLES / task).glob("*.png")):
        views.setdefault(file.stem.split("-")[0], []).append(read_file(file, side))
    return {name: np.stack(images) for name, images in views.items()}


def load(path: str | Path) -> Photos:
    """Photographs of a packed ``.npz`` file, or of a folder of pictures at any depth.

    The file has ``images`` uint8 [N, 48, 48, 3] and ``split``, 0 for training. Pictures are cropped to their middle
    square. Held out are those in a folder "val", as in ImageNet's layout, else every twentieth. Raises DataError.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"There is no data at '{path}'.")
    return _load_folder(path) if path.is_dir() else _load_packed(path)


def _load_packed(path: Path) -> Photos:
    wrong = DataError(f"'{path}' is not a packed file of {SIDE}x{SIDE} photographs, or a damaged one.")
    arrays = read_arrays(path, {"images": (None, SIDE, SIDE, 3), "split": (None,)}, wrong)
    images, split = arrays["images"], arrays["split"]
    if images.dtype != np.uint8 or split.dtype.kind not in "biuf" or len(split) != len(images):
        raise wrong
    return Photos(images, split != 0)


def _load_folder(folder: Path) -> Photos:
    found = picture_files(folder, ENDINGS)
    if not found:
        raise DataError(f"'{folder}' holds no pictures.")
    images = np.stack([read_file(file, SIDE) for file in found])
    apart = np.array([bool(HELD_OUT_FOLDERS & set(file.relative_to(folder).parts)) for file in found])
    return Photos(images, apart if apart.any() else np.arange(len(found)) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1)
