"""Strokes and pictures become drawings like Omniglot's; what a browser must not send is refused in one sentence."""

import contextlib
import io
import json
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage
from skimage.morphology import skeletonize

from fewshot.data import drawing, pictures
from fewshot.data.drawing import CENTRE, LONG_SIDE, read_picture, render_strokes
from fewshot.data.ink import stroke_width
from fewshot.data.omniglot import max_pool
from fewshot.data.pictures import PictureError

ROOT = Path(__file__).resolve().parents[1]
OMNIGLOT = ROOT.parent / "shared" / "data" / "omniglot_45_alphabets.npz"
SAME = 2.0  # pixels at 105x105 that the skeletons of the same character may lie apart


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> list[list[float]]:
    angles = np.radians(np.linspace(start, end, 30))
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], 1).tolist()


CHARACTER = [
    arc(40, 45, 18, 22, -200, 70),
    [[25, 80], [50, 70], [82, 72]],
    [[75, 25], [70, 55], [80, 60]],
    [[58, 30], [58.5, 31]],
]
ANOTHER = [[[25, 25], [25, 80], [75, 80]], arc(60, 45, 15, 12, 0, 360), [[40, 20], [80, 25]]]


def expected(strokes: list) -> np.ndarray:
    """The strokes as read_picture should give them: rendered directly, at the size and the place of real drawings."""
    points = np.concatenate([np.array(stroke) for stroke in strokes])
    low, high = points.min(0), points.max(0)
    scale = (LONG_SIDE - drawing.STROKE_WIDTH) / (high - low).max()
    return render_strokes([((np.array(stroke) - (low + high) / 2) * scale + CENTRE).tolist() for stroke in strokes])


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The mean distance from the skeleton of one drawing to that of the other, the larger of both ways."""
    a, b = skeletonize(one > 0), skeletonize(other > 0)
    return max(ndimage.distance_transform_edt(~b)[a].mean(), ndimage.distance_transform_edt(~a)[b].mean())


def box(ink: np.ndarray) -> tuple[float, float, int]:
    """The middle (x, y) and the long side of the box around the ink."""
    rows, columns = np.nonzero(ink)
    middle = (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2
    return *middle, max(np.ptp(columns), np.ptp(rows)) + 1


# Pictures of CHARACTER, or of any other strokes -------------------------------------------------------------------


def draw(
    strokes: list, size=(900, 900), scale=7.0, offset=(80, 80), width=12, ink=(40, 40, 50), on="white", mode="RGB"
) -> Image.Image:
    image = on if isinstance(on, Image.Image) else Image.new(mode, size, on)
    pen, r = ImageDraw.Draw(image), width / 2
    for stroke in strokes:
        points = [(offset[0] + x * scale, offset[1] + y * scale) for x, y in stroke]
        pen.line(points, ink, width, joint="curve")
        for x, y in points if width > 3 else []:
            pen.ellipse((x - r, y - r, x + r, y + r), ink)
    return image


def photo(image: Image.Image, noise=5.0, shadow=True) -> Image.Image:
    """As a camera sees it: out of focus, yellow light from one side, grain, and a hand's shadow over a corner."""
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(1.2)), np.float32)
    y, x = np.mgrid[: image.height, : image.width]
    light = 0.45 + 0.55 * (0.6 * x / image.width + 0.4 * y / image.height)
    if shadow:
        light = light * np.where(x + 0.3 * y > 0.8 * image.width, 0.6, 1)
    grain = np.random.default_rng(0).normal(0, noise, pixels.shape)
    return Image.fromarray((pixels * light[..., None] * [1, 0.97, 0.9] + grain).clip(0, 255).astype(np.uint8))


def lines(step: int, colour: tuple, squared=False, angle=0) -> Image.Image:
    page = Image.new("RGB", (1500, 1500), (250, 248, 240))
    pen = ImageDraw.Draw(page)
    for at in range(0, 1500, step):
        pen.line((0, at, 1500, at), colour, 3)
        if squared:
            pen.line((at, 0, at, 1500), colour, 3)
    return page.rotate(angle).crop((300, 300, 1200, 1200))


def file(image: Image.Image, format="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def jpeg(image: Image.Image, **options) -> bytes:
    return file(image, "JPEG", quality=75, **options)


def turned(strokes: list) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees to see it
    return jpeg(draw(strokes).transpose(Image.Transpose.ROTATE_90), exif=exif)


def on_a_table(strokes: list) -> bytes:
    table = Image.new("RGB", (1200, 1000), (90, 60, 40))
    table.paste(draw(strokes, (800, 800), 6), (220, 60))
    return jpeg(photo(table, shadow=False))


def animated(strokes: list) -> bytes:
    return file(draw(strokes).convert("P"), "GIF", save_all=True, append_images=[draw(ANOTHER).convert("P")])


def sixteen_bits(strokes: list) -> bytes:
    return file(Image.fromarray(np.asarray(draw(strokes).convert("L")).astype(np.uint16) * 40 + 3000))


PICTURES: dict[str, Callable[[list], bytes]] = {
    "black on white": lambda s: file(draw(s)),
    "white on black": lambda s: file(draw(s, ink=(240, 240, 240), on=(10, 12, 10))),
    "photo": lambda s: jpeg(photo(draw(s, on=(235, 232, 225)))),
    "photo of a blackboard": lambda s: jpeg(photo(draw(s, ink=(230, 230, 225), on=(40, 70, 55)))),
    "blue ballpoint": lambda s: jpeg(photo(draw(s, width=6, ink=(50, 70, 170), on=(240, 238, 230)))),
    "thick marker": lambda s: jpeg(photo(draw(s, width=40, ink=(20, 20, 20)))),
    "thin pencil": lambda s: jpeg(photo(draw(s, width=4, ink=(140, 140, 145), on=(245, 245, 245)))),
    "yellow": lambda s: file(draw(s, ink=(250, 225, 60))),
    "two inks": lambda s: file(draw(s[2:], ink=(220, 40, 40), on=draw(s[:2]))),
    "black on clear": lambda s: file(draw(s, ink=(0, 0, 0, 255), on=(0, 0, 0, 0), mode="RGBA")),
    "white on clear": lambda s: file(draw(s, ink=(255, 255, 255, 255), on=(255, 255, 255, 0), mode="RGBA")),
    "ruled": lambda s: jpeg(photo(draw(s, width=7, on=lines(60, (150, 180, 225))))),
    "pencil on tilted rules": lambda s: jpeg(
        photo(draw(s, width=5, ink=(130, 130, 130), on=lines(60, (150, 180, 225), angle=4)), 4, shadow=False)
    ),
    "squared": lambda s: jpeg(photo(draw(s, width=7, ink=(40, 60, 160), on=lines(40, (180, 200, 225), True, 2)))),
    "grey squares": lambda s: file(draw(s, width=7, on=lines(40, (170, 170, 170), True))),
    "tiny": lambda s: file(draw(s, (40, 40), 0.34, (2, 2), 2)),
    "huge": lambda s: jpeg(photo(draw(s, (1000, 750), 5.5, (225, 75), 6, on=(230, 230, 230))).resize((4000, 3000))),
    "small in the corner": lambda s: jpeg(photo(draw(s, (1600, 1200), 3, (20, 20), 6, on=(230, 230, 230)))),
    "cropped tight": lambda s: file(draw(s, (120, 120), 1.6, (-25, -18), 13)),
    "on a table": on_a_table,
    "turned by EXIF": turned,
    "16 bits of grey": sixteen_bits,
    "palette": lambda s: file(draw(s, ink=(200, 30, 30), on=(255, 240, 200)).quantize(8)),
    "1 bit": lambda s: file(draw(s).convert("1")),
    "CMYK": lambda s: jpeg(draw(s).convert("CMYK")),
    "animated": animated,
    "WebP": lambda s: file(draw(s, ink=(0, 120, 60)), "WEBP", quality=60),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_comes_out_as_its_character(name: str) -> None:
    ink = read_picture(PICTURES[name](CHARACTER))
    assert ink.shape == (105, 105)
    assert ink.dtype == np.uint8
    assert set(np.unique(ink)) == {0, 1}
    assert apart(ink, expected(CHARACTER)) < SAME
    assert 4.5 <= stroke_width(ink > 0) <= 5.6
    x, y, long_side = box(ink)
    assert (x, y) == pytest.approx(CENTRE, abs=1)
    assert long_side == pytest.approx(LONG_SIDE, abs=2)


def test_other_characters_fail_the_same_measure() -> None:
    wanted = expected(CHARACTER)
    another = read_picture(PICTURES["photo"](ANOTHER))
    assert apart(another, expected(ANOTHER)) < SAME
    assert apart(another, wanted) > 2 * SAME
    assert apart(wanted[:, ::-1], wanted) > 2 * SAME
    assert apart(render_strokes(CHARACTER[:2]), render_strokes(CHARACTER)) > SAME


def test_a_large_photo_is_read_quickly() -> None:
    data = PICTURES["huge"](CHARACTER)
    start = time.process_time()
    read_picture(data)
    assert time.process_time() - start < 1  # 0.3 s on one core of the machine this was written on


def test_a_dot_stays_a_dot() -> None:
    ink = read_picture(file(draw([[[50, 50], [50.5, 50]]], width=60)))
    assert ink.sum() <= 25
    assert box(ink)[:2] == pytest.approx(CENTRE, abs=1)


def test_a_picture_of_a_drawing_like_omniglots_comes_out_as_it_is() -> None:
    ink = render_strokes(CHARACTER)
    for image in (Image.fromarray((1 - ink) * 255), Image.fromarray((1 - ink) * 255).convert("1")):
        assert np.array_equal(read_picture(file(image)), ink)
    assert np.array_equal(read_picture(file(Image.fromarray(ink * 255))), ink)


# Pictures that are refused ----------------------------------------------------------------------------------------


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be that large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


REFUSED = {
    "no bytes": (b"", "not a picture"),
    "text": (b"once upon a time", "not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
    "truncated png": (file(draw(CHARACTER))[:1500], "damaged"),
    "truncated jpeg": (jpeg(draw(CHARACTER))[:4000], "damaged"),
    "many bytes": (bytes(pictures.MAX_BYTES + 1), "10 MB"),
    "many pixels": (bomb(10_000, 5_001), "50 megapixels"),
    "bomb": (bomb(60_000, 60_000), "50 megapixels"),
    "a few pixels": (file(Image.new("L", (4, 4))), "too small"),
    "white": (file(Image.new("RGB", (300, 300), "white")), "blank"),
    "clear": (file(Image.new("RGBA", (300, 300), (0, 0, 0, 0))), "blank"),
    "blank photo": (jpeg(photo(Image.new("RGB", (600, 600), (230, 230, 230)), shadow=False)), "blank"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_is_refused_in_one_sentence(name: str) -> None:
    data, words = REFUSED[name]
    with pytest.raises(PictureError, match=words) as refusal:
        read_picture(data)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def test_damaged_files_raise_nothing_else() -> None:
    random = np.random.default_rng(0)
    for name in ("tiny", "1 bit", "palette", "animated", "16 bits of grey", "WebP"):
        data = PICTURES[name](CHARACTER)
        for _ in range(8):
            damaged = bytearray(data)
            damaged[random.integers(len(data))] ^= 255
            damaged[random.integers(200)] = 255
            with contextlib.suppress(PictureError):
                assert read_picture(bytes(damaged)).any()


# Strokes ----------------------------------------------------------------------------------------------------------


def test_strokes_are_as_wide_as_omniglots_with_round_ends() -> None:
    line = render_strokes([[[30.5, 50.5], [70.5, 50.5]]])
    assert line.shape == (105, 105)
    assert line.dtype == np.uint8
    assert line[:, 40].sum() == 5
    assert line[:, 28].sum() == 3
    assert line[50].sum() == 45


def test_one_point_is_a_dot_and_the_way_of_drawing_does_not_matter() -> None:
    dot = render_strokes([[[20.5, 30.5]]])
    assert dot.sum() == 21
    assert dot[30, 20] == 1
    assert box(dot)[:2] == (20.5, 30.5)
    there, back = [[20, 20], [50, 60], [80, 30]], [[80, 30], [50, 60], [20, 20]]
    assert apart(render_strokes([there]), render_strokes([back])) < 0.2
    assert np.array_equal(render_strokes([there, []]), render_strokes([[*there, there[-1]]]))


def test_points_outside_the_pad_move_to_its_edge() -> None:
    outside = render_strokes([[[-50, 50], [1e9, 50]]])
    assert np.array_equal(outside, render_strokes([[[0, 50], [105, 50]]]))
    assert outside[50].all()


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([], "empty"),
        ([[], []], "empty"),
        (None, "not a list"),
        ("strokes", "not a list"),
        ({"strokes": []}, "not a list"),
        ([[1, 2]], "not a list"),
        ([["ab", "cd"]], "not a list"),
        ([[[1, 2, 3]]], "not a list"),
        ([[[1, "2"]]], "not a list"),
        ([[[1, None]]], "not a list"),
        ([[[True, False]]], "not a list"),
        ([[[1, float("nan")]]], "not a list"),
        ([[[float("inf"), 1]]], "not a list"),
        ([[[10**400, 1]]], "not a list"),
        ([[[1, 1]]] * 501, "500 strokes"),
        ([[[1, 1]] * 20_001], "20,000 points"),
    ],
)
def test_what_is_not_strokes_is_refused(strokes: object, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        render_strokes(strokes)


def test_as_many_strokes_as_allowed_are_drawn() -> None:
    assert render_strokes([[[50, 50]] * 40] * 500).any()


# Beside real Omniglot ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def originals() -> np.ndarray:
    if not OMNIGLOT.exists():
        pytest.skip("needs ../shared/data/omniglot_45_alphabets.npz")
    with np.load(OMNIGLOT) as arrays:
        return np.unpackbits(arrays["images"][::400], axis=1)[:, :11025].reshape(-1, 105, 105)


def traced(skeleton: np.ndarray) -> list:
    """The lines of a skeleton as strokes: walk on to any neighbour not yet visited, then smooth."""
    left = {(int(row), int(column)) for row, column in np.argwhere(skeleton)}

    def neighbours(row: int, column: int) -> list:
        steps = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
        return [(row + y, column + x) for y, x in steps if (row + y, column + x) in left]

    strokes = []
    while left:
        path = [min(left, key=lambda point: (len(neighbours(*point)) > 1, point))]
        left.remove(path[0])
        while ways := neighbours(*path[-1]):
            path.append(ways[0])
            left.remove(ways[0])
        smooth = ndimage.uniform_filter1d(np.array(path, float), 5, axis=0, mode="nearest") if len(path) > 4 else path
        strokes.append([[x + 0.5, y + 0.5] for y, x in smooth])
    return strokes


def test_originals_traced_and_rendered_again_keep_their_ink(originals: np.ndarray) -> None:
    rendered = np.stack([render_strokes(traced(skeletonize(original > 0))) for original in originals])
    assert np.median(rendered.sum((1, 2)) / originals.sum((1, 2))) == pytest.approx(1, abs=0.03)
    pooled, wanted = max_pool(rendered), max_pool(originals)
    assert pooled.shape == (len(originals), 26, 26)
    assert np.median(pooled.sum((1, 2)) / wanted.sum((1, 2))) == pytest.approx(1, abs=0.03)
    assert (pooled == wanted).mean() > 0.98


def test_an_original_comes_out_as_it_is_and_a_photo_of_one_as_the_same_character(originals: np.ndarray) -> None:
    same = [np.array_equal(read_picture(file(Image.fromarray((1 - o) * 255).convert("1"))), o) for o in originals]
    assert np.mean(same) > 0.95  # the others have blots, so that most of their ink is wider than a stroke
    for original in originals[::10]:
        large = Image.fromarray((1 - original) * 200 + 40).resize((420, 420), Image.Resampling.BICUBIC).convert("RGB")
        ink = read_picture(jpeg(photo(large)))
        x, y, long_side = box(original)
        scale = (LONG_SIDE - 5) / (long_side - 5)
        matrix = np.eye(2) / scale
        centre = np.array([CENTRE[1], CENTRE[0]]) - 0.5
        moved = ndimage.affine_transform(original.astype(float), matrix, [y - 0.5, x - 0.5] - centre / scale, order=1)
        assert apart(ink, moved > 0.5) < SAME


def test_the_ready_made_sets_are_six_characters_of_eight_drawings() -> None:
    sets = json.loads((ROOT / "assets" / "support_sets.json").read_text())["sets"]
    assert len({s["name"] for s in sets}) == len(sets) == 6
    for ready in sets:
        inks = [render_strokes(d["strokes"]) for d in ready["drawings"]]
        assert len({ink.tobytes() for ink in inks}) == 8
        assert all(0.04 < ink.mean() < 0.15 and box(ink)[2] >= 44 for ink in inks)
        assert all(2 <= len(d["strokes"]) <= 4 for d in ready["drawings"])
