"""Emoji: an episode's supports and targets are versions of one emoji by different artists, 32x32 on white.

Each is painted with the sixteen colours of PALETTE: a drawing is flat shapes, and nearly all that 256 levels of each
colour would say besides is how their edges were smoothed.

From a packed file, or from a folder with the icon packages of SOURCES, whose SVG pictures are rendered to the very same
arrays. Which emoji are for training and which for validation says ``emoji_names.json``, by name, so that none is in
both; those it does not name are held back for a test.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from fewshot.data import photos
from fewshot.data.episodes import MAX_SHOTS, Episodes, Transform
from fewshot.data.errors import DataError
from fewshot.data.files import on_white, read_arrays

SIDE = 32
RENDERED_SIDE = 128  # pixels of a rendered picture, which is then shrunk
SPLITS = ("training", "validation")
NAMES = Path(__file__).with_name("emoji_names.json")  # {split: names, in order}
# Where each version is from: the npm package of its SVG pictures, @iconify-json/NAME, by its name in a packed file.
SOURCES = {
    "noto": "noto",
    "noto_v1": "noto-v1",
    "twemoji": "twemoji",
    "openmoji": "openmoji",
    "fluent_flat": "fluent-emoji-flat",
    "fluent": "fluent-emoji",
    "emojione": "emojione",
    "emojione_v1": "emojione-v1",
    "fxemoji": "fxemoji",
}
# All colours that the pictures have: each pixel takes the nearest. Sixteen clusters of the training emoji's pixels in
# CIELAB (k-means, white fixed).
PALETTE = {
    "black": "#37343a",
    "grey": "#788187",
    "light grey": "#ccc9ce",
    "brown": "#885b3c",
    "sand": "#eec995",
    "red": "#e23b3f",
    "orange": "#ed7535",
    "amber": "#f0a73b",
    "yellow": "#fbcb42",
    "lemon": "#e5e436",
    "green": "#68af5e",
    "light blue": "#7dc7e0",
    "blue": "#3e8ccd",
    "purple": "#875ec9",
    "pink": "#e46488",
    "white": "#ffffff",
}
BITS = 6  # of each level that decide the nearest colour
SAME_ARTIST = {"fluent_flat": "fluent"}  # near copies: the same drawing, flat and shaded


@dataclass(frozen=True)
class Emoji:
    """Versions of emoji: ``images`` uint8 [N, 32, 32, 3]; of each, which emoji it shows, and whose it is."""

    images: NDArray[np.uint8]
    class_id: NDArray[np.int64]  # [N]
    artist: NDArray[np.int64]  # [N]
    class_name: tuple[str, ...]

    @cached_property
    def members(self) -> list[NDArray[np.int64]]:
        """For each emoji that has versions, in order of its id, their indices."""
        order = np.argsort(self.class_id, kind="stable")
        _, starts = np.unique(self.class_id[order], return_index=True)
        return np.split(order, starts[1:])

    def shuffled(self, rng: np.random.Generator) -> list[NDArray[np.int64]]:
        """Of each emoji, the indices of one version by each of its artists, in random order."""
        return [self.in_turn(rng.permutation(members))[0] for members in self.members]

    def in_turn(self, versions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Some versions in two parts: the first of each artist, and the near copies of these; both in their order."""
        _, first = np.unique(self.artist[versions], return_index=True)
        return versions[np.sort(first)], np.delete(versions, first)


class EmojiSampler:
    """Training episodes that depend on nothing but the seed and the step: one target of each of ``number`` emoji.

    A batch has S supports by other artists than the target's; S is drawn for each batch from 1..``max_shots``, and is 0
    in a share of them, ``without``. The emoji with that many are as likely, and so are the versions of one. An artist
    has a second support only where all others have one. ``transform`` gets the pictures of an episode [N, 32, 32, 3]
    and a random generator, and gives what is used in their place.
    """

    def __init__(
        self,
        emoji: Emoji,
        number: int,
        seed: int,
        max_shots: int = MAX_SHOTS,
        transform: Transform | None = None,
        without: float = 0.0,
    ):
        self.emoji, self.number, self.seed, self.max_shots = emoji, number, seed, max_shots
        self.transform, self.without = transform, without
        # By shots, of each emoji that has some, the versions that so many other artists' stand beside.
        self.targets = [[t for m in emoji.members if len(t := self._possible(m, s))] for s in range(max_shots + 1)]
        if len(self.targets[-1]) < number:
            raise DataError(
                f"Training needs at least {number} emoji with {max_shots} versions by other artists than the target's, "
                f"the data has {len(self.targets[-1])}."
            )

    def _possible(self, members: NDArray[np.int64], shots: int) -> NDArray[np.int64]:
        artist = self.emoji.artist[members]
        return members[(artist[:, None] != artist).sum(axis=1) >= shots]

    def batch(self, step: int, rank: int = 0, world: int = 1) -> Episodes:
        """The episodes of one training step, or of them process ``rank``'s share among ``world``."""
        rng = np.random.default_rng([self.seed, step])
        shots = int(rng.integers(1, self.max_shots + 1))
        if rng.random() < self.without:
            shots = 0
        targets = self.targets[shots]
        chosen = rng.choice(len(targets), self.number, replace=False)[rank::world]
        generators = rng.spawn(self.number)[rank::world]
        images = np.stack([self._episode(targets[c], shots, one) for c, one in zip(chosen, generators, strict=True)])
        return Episodes(images[:, :shots], images[:, shots:])

    def _episode(self, targets: NDArray[np.int64], shots: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """The supports and then the target, one of ``targets``, [S + 1, 32, 32, 3]."""
        emoji = self.emoji
        target = rng.choice(targets)
        (beside,) = np.nonzero((emoji.class_id == emoji.class_id[target]) & (emoji.artist != emoji.artist[target]))
        supports = np.concatenate(emoji.in_turn(rng.permutation(beside)))[:shots]
        images = emoji.images[np.append(rng.permutation(supports), target)]
        return images if self.transform is None else self.transform(images, rng)


class EmojiEpisodes(NamedTuple):
    """Episodes with one target each; of each, its emoji. Fewer supports of an episode are the first ones of it."""

    episodes: Episodes
    class_id: NDArray[np.int64]  # [B]


def evaluation_episodes(
    emoji: Emoji, shots: int, targets: int, seed: int, wrong_supports: bool = False
) -> EmojiEpisodes:
    """Up to ``targets`` versions of each emoji that has ``shots`` by other artists, which are its supports.

    All versions of an episode are by different artists. With ``wrong_supports``, the same artists' versions of another
    emoji are the supports. Raises DataError if there are none.
    """
    if shots < 1 or targets < 1:
        raise DataError("An evaluation needs at least 1 shot and 1 target.")
    versions = [order for order in emoji.shuffled(np.random.default_rng(seed)) if len(order) > shots]
    if not versions:
        raise DataError(f"The data has no emoji by {shots + 1} artists, which {shots} shots need.")
    # Each target, then the versions after it, in a circle.
    picked = [np.roll(order, -i)[: 1 + shots] for order in versions for i in range(min(targets, len(order)))]
    target, supports = np.split(np.array(picked), [1], axis=1)
    if wrong_supports:
        supports = _of_another_emoji(emoji, supports)
    return EmojiEpisodes(Episodes(emoji.images[supports], emoji.images[target]), emoji.class_id[target[:, 0]])


def _of_another_emoji(emoji: Emoji, supports: NDArray[np.int64]) -> NDArray[np.int64]:
    """For the supports [B, S] of each episode the same artists' versions of one other emoji, far on in the list."""
    classes, place = np.unique(emoji.class_id, return_inverse=True)
    version = np.full((len(classes), emoji.artist.max() + 1), -1)
    version[place, emoji.artist] = np.arange(len(place))
    others = np.empty_like(supports)
    for i, of_episode in enumerate(supports):
        # The emoji itself comes last in this order, and is left out.
        order = (place[of_episode[0]] + len(classes) // 2 + np.arange(len(classes))) % len(classes)
        candidates = version[order[order != place[of_episode[0]]]][:, emoji.artist[of_episode]]
        complete = (candidates >= 0).all(axis=1)
        if not complete.any():
            raise DataError("Supports of another emoji need one by the same artists.")
        others[i] = candidates[complete.argmax()]
    return others


def painted(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures [..., 3], of which each pixel has the colour of PALETTE that is nearest to its own."""
    red, green, blue = np.moveaxis(pictures >> (8 - BITS), -1, 0).astype(np.intp)
    return _nearest()[red, green, blue]


def read_picture(data: bytes, side: int) -> NDArray[np.uint8]:
    """The middle square of a picture file, as ``painted``: [side, side, 3]. Raises PictureError."""
    return painted(photos.read_photo(data, side))


def samples(side: int) -> dict[str, NDArray[np.uint8]]:
    """The sets to try, by name, as ``painted``: [S, side, side, 3]."""
    return {name: painted(images) for name, images in photos.samples("emoji", side).items()}


@cache
def _nearest() -> NDArray[np.uint8]:
    """The nearest colour [2^BITS, 2^BITS, 2^BITS, 3] by the first bits of red, green and blue."""
    from skimage.color import rgb2lab  # takes a second, and most of what reads this module paints nothing

    colours = np.array([list(bytes.fromhex(colour.removeprefix("#"))) for colour in PALETTE.values()], np.uint8)
    levels = (np.arange(2**BITS) + 0.5) / 2**BITS
    cells = rgb2lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1))
    nearest = colours[np.stack([np.square(cells - lab).sum(-1) for lab in rgb2lab(colours)]).argmin(0)]
    nearest[tuple(colours.T >> (8 - BITS))] = colours  # each stays what it is
    return nearest


def load(path: str | Path, split: str = "all") -> Emoji:
    """The emoji of a split, one of SPLITS, or "all", of a packed ``.npz`` file or a folder of icon packages.

    The file has ``images`` uint8 [N, 32, 32, 3], ``class_id`` and ``class_name``, ``source`` and ``source_name``, and
    ``split``, 0 for training. The folder holds PACKAGE/icons.json of SOURCES at any depth, as `npm install` leaves it;
    rendering them takes minutes, and resvg-py. Raises DataError.
    """
    path = Path(path)
    if split not in (*SPLITS, "all"):
        raise DataError(f"Emoji have no split '{split}'. Choose one of: {', '.join((*SPLITS, 'all'))}.")
    if not path.exists():
        raise DataError(f"There is no data at '{path}'.")
    return _load_folder(path, split) if path.is_dir() else _load_packed(path, split)


def _load_packed(path: Path, split: str) -> Emoji:
    wrong = DataError(f"'{path}' is not a packed file of {SIDE}x{SIDE} emoji, or a damaged one.")
    of_image = dict.fromkeys(("class_id", "source", "split"), (None,))
    shapes = {"images": (None, SIDE, SIDE, 3), **of_image, "class_name": (None,), "source_name": (None,)}
    arrays = read_arrays(path, shapes, wrong)
    images = arrays["images"]
    indices = {"class_id": len(arrays["class_name"]), "source": len(arrays["source_name"]), "split": len(SPLITS)}
    for name, number in indices.items():
        values = arrays[name]
        if values.dtype.kind not in "iu" or len(values) != len(images) or not ((values >= 0) & (values < number)).all():
            raise wrong
    texts = [arrays["class_name"], arrays["source_name"]]
    if images.dtype != np.uint8 or any(text.dtype.kind != "U" for text in texts):
        raise wrong
    class_name, source_name = (tuple(map(str, text)) for text in texts)
    keep = np.full(len(images), True) if split == "all" else arrays["split"] == SPLITS.index(split)
    return _some(images[keep], arrays["class_id"][keep], arrays["source"][keep], class_name, source_name, split)


def _some(
    images: NDArray, class_id: NDArray, source: NDArray, class_name: tuple[str, ...], source_name: tuple, split: str
) -> Emoji:
    if not len(images):
        raise DataError(f"The data has no {split} emoji.")
    artists = [SAME_ARTIST.get(name, name) for name in source_name]
    artist = np.unique(artists, return_inverse=True)[1][source]
    return Emoji(painted(images), class_id.astype(np.int64), artist.astype(np.int64), class_name)


def names(split: str = "all") -> list[str]:
    """The names of the emoji of a split, in order."""
    by_split: dict[str, list[str]] = json.loads(NAMES.read_text(encoding="utf-8"))
    return sorted(name for key, some in by_split.items() if split in (key, "all") for name in some)


def _load_folder(folder: Path, split: str) -> Emoji:
    class_name, of_split = names(), set(names(split))
    packages = {source: _read_package(folder, name) for source, name in SOURCES.items()}
    found = [
        (c, source, package, icon)
        for c, name in enumerate(class_name)
        for source, package in enumerate(packages.values())
        if name in of_split and package is not None and (icon := package.find(name)) is not None
    ]
    if not found:
        raise DataError(f"'{folder}' holds no icon packages (@iconify-json/{next(iter(SOURCES.values()))} and others).")
    # By package: of the pictures of one, the renderer is fast or slow alike, and the bar tells the time that is left.
    images = np.empty((len(found), SIDE, SIDE, 3), np.uint8)
    for i in tqdm(sorted(range(len(found)), key=lambda i: found[i][1]), desc="rendering emoji", mininterval=1):
        _, _, package, icon = found[i]
        images[i] = package.render(icon)
    class_id, source = np.array([(c, source) for c, source, _, _ in found]).T
    return _some(images, class_id, source, tuple(class_name), tuple(packages), split)


class _Package(NamedTuple):
    """An icon package (IconifyJSON), whose icons are the bodies of SVG documents."""

    file: Path
    icons: dict[str, dict[str, Any]]
    size: tuple[float, float]  # width and height of an icon that does not say its own
    own_name: dict[str, str]  # of an icon, by its names and aliases without hyphens: one package has none

    def find(self, name: str) -> str | None:
        """The icon of an emoji; None if there is none."""
        return self.own_name.get(_plain(name))

    def render(self, icon: str) -> NDArray[np.uint8]:
        """An icon's picture on white, [32, 32, 3]. Raises DataError."""
        one, (width, height) = self.icons[icon], self.size
        box = f"0 0 {one.get('width', width)} {one.get('height', height)}"
        namespaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        size = f'width="{RENDERED_SIDE}" height="{RENDERED_SIDE}"'  # what is not square stands in the middle
        document = f'<svg {namespaces} {size} viewBox="{box}">{one["body"]}</svg>'
        svg_to_bytes = _renderer()
        try:
            png = svg_to_bytes(document, skip_system_fonts=True)
            picture = on_white(Image.open(io.BytesIO(bytes(png))))
        except (ValueError, OSError) as error:
            raise DataError(f"'{self.file}' has a picture that cannot be rendered, '{icon}' ({error}).") from error
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _renderer() -> Callable[..., bytes]:
    """resvg. Raises DataError where it is not installed."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError as error:
        raise DataError("Rendering icon packages needs resvg-py: python -m pip install resvg-py") from error
    return svg_to_bytes


def _plain(name: str) -> str:
    return name.replace("-", "")


def _read_package(folder: Path, name: str) -> _Package | None:
    """The package of a name in a folder, at any depth; None if it is not there. Raises DataError."""
    file = next(iter(sorted(folder.rglob(f"{name}/icons.json"))), None)
    if file is None:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        icons, aliases = content["icons"], content.get("aliases", {})
        own_name = {_plain(icon): icon for icon in icons}
        for alias in aliases:
            own_name.setdefault(_plain(alias), _icon_of(alias, icons, aliases))
        if not all(isinstance(icon["body"], str) for icon in icons.values()):
            raise ValueError("a body is no text")
        size = float(content.get("width", 16)), float(content.get("height", 16))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"'{file}' is not an icon package, or a damaged one.") from error
    return _Package(file, icons, size, own_name)


def _icon_of(alias: str, icons: dict[str, Any], aliases: dict[str, Any]) -> str:
    """The icon that an alias stands for; that it may be mirrored counts for nothing. Raises KeyError."""
    name = alias
    for _ in aliases:  # an alias of an alias, but none of itself
        name = aliases[name]["parent"]
        if name in icons:
            return name
    raise KeyError(alias)
