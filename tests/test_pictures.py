"""What a picture shows survives its reading: parts, loops, strokes at the border, weak and coloured ink."""

import struct
import time
import tracemalloc
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image, ImageDraw

from fewshot.data import pictures
from fewshot.data.drawing import read_picture, read_sheet
from fewshot.data.pictures import PictureError, decode, decode_frames
from tests.conftest import SHARED, needs_shared
from tests.shapes import SKELETONS, Change, Shape, changes, drawn, is_clear, keeps, parts_and_holes, picture, shapes
from tests.test_drawing import ANOTHER, CHARACTER, apart, draw, expected, file, jpeg, photo

# Kinds of pictures that were read wrongly once -----------------------------------------------------------------------


def canvas(side: int, paper: int = 255) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (side, side), paper)
    return image, ImageDraw.Draw(image)


def grainy(image: Image.Image, sd: float = 3) -> Image.Image:
    levels = np.asarray(image, float)
    return Image.fromarray(
        (levels + np.random.default_rng(0).normal(0, sd, levels.shape)).clip(0, 255).astype(np.uint8)
    )


def longest(ink: np.ndarray) -> int:
    rows, columns = np.nonzero(ink)
    return int(max(np.ptp(rows), np.ptp(columns))) + 1


@pytest.mark.parametrize("mode", ["dark", "light", "on clear ground"])
def test_dots_as_in_omniglot_stay_where_they_are(mode: str) -> None:
    ink = np.zeros((105, 105), np.uint8)
    for y, x in ((20, 20), (20, 40), (50, 20)):
        ink[y : y + 5, x : x + 5] = 1
    if mode == "on clear ground":
        image = Image.fromarray(np.dstack([np.zeros((105, 105, 3), np.uint8), 255 * ink]))
    else:
        image = Image.fromarray(255 * (ink if mode == "light" else 1 - ink))
    assert np.array_equal(read_picture(file(image)), ink)


@needs_shared
def test_originals_come_out_as_they_are() -> None:
    with np.load(SHARED / "omniglot_45_alphabets.npz") as arrays:
        originals = np.unpackbits(arrays["images"][::73], axis=1)[:, :11025].reshape(-1, 105, 105)
    assert len(originals) > 400
    for original in originals:
        assert np.array_equal(read_picture(file(Image.fromarray((1 - original) * 255).convert("1"))), original)


def test_a_straight_bar_stays_one() -> None:
    image, pen = canvas(1000)
    pen.rectangle((450, 100, 549, 899), fill=0)
    assert longest(read_picture(file(image))) > 60


@pytest.mark.parametrize("width", [20, 48, 58])
@pytest.mark.parametrize("sd", [0, 3])
@pytest.mark.parametrize(("ink", "paper"), [(40, 235), (235, 40)])
def test_a_bold_ring_that_is_cut_close_stays_a_ring(width: int, sd: float, ink: int, paper: int) -> None:
    image, pen = canvas(240, paper)
    pen.ellipse((7, 7, 233, 233), outline=ink, width=width)
    assert parts_and_holes(read_picture(file(grainy(image, sd)))) == (1, 1)


@pytest.mark.parametrize(("side", "width"), [(40, 0.24), (512, 0.2)])
def test_bold_ink_of_one_colour_is_ink_throughout(side: int, width: float) -> None:
    narrow = [[(0.75 * x, y) for x, y in line] for line in SKELETONS["zig"]]
    change = Change(side, 0.05, (170, 20, 30), (170, 20, 30), (245, 240, 225), 4, None, False)
    ink, weak = drawn(Shape(narrow, width), change.margin)
    assert keeps(ink, picture(ink, weak, change))


def test_a_pixel_of_paper_in_the_edge_of_a_stroke_is_no_hole() -> None:
    image, pen = canvas(400)
    pen.line((50, 200, 350, 200), 0, 41)
    top = int(np.nonzero(np.asarray(image)[:, 200] == 0)[0][0])
    for x in range(100, 300, 20):
        image.putpixel((x, top - 1), 0)
        image.putpixel((x, top), 255)
    assert parts_and_holes(read_picture(file(image))) == (1, 0)


def test_a_small_scan_is_not_blank() -> None:
    image, pen = canvas(224)
    pen.line([(22, 27), (63, 197), (112, 78), (161, 197), (202, 27)], 70, 31, "curve")
    ink = read_picture(file(grainy(image.resize((28, 28), Image.Resampling.BOX))))
    assert parts_and_holes(ink)[0] == 1
    assert longest(ink) > 55


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
def test_strokes_at_the_border_stay(ink: int, paper: int) -> None:
    image, pen = canvas(200, paper)
    pen.rectangle((0, 0, 199, 199), outline=ink, width=10)
    pen.rectangle((70, 70, 130, 130), outline=ink, width=10)
    assert parts_and_holes(read_picture(file(image))) == (2, 2)


def test_a_ring_of_uneven_strength_stays_closed() -> None:
    y, x = np.mgrid[:300, :300] - 150
    strength = np.clip(7.5 - abs(np.hypot(x, y) - 110), 0, 1) * (0.7 + 0.3 * np.cos(np.arctan2(y, x)))
    assert parts_and_holes(read_picture(file(Image.fromarray((245 - 190 * strength).astype(np.uint8))))) == (1, 1)


def test_a_weak_stroke_that_crosses_a_strong_one_stays() -> None:
    image, pen = canvas(300)
    pen.line((60, 40, 60, 260), 190, 9)
    pen.line((30, 150, 270, 150), 0, 9)
    pen.line((220, 40, 220, 120), 190, 9)
    ink = read_picture(file(image))
    assert parts_and_holes(ink) == (2, 0)
    assert longest(ink) > 60


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_that_draws_itself_the_fullest_frame_counts(format: str) -> None:
    frames = [Image.new("L", (200, 200), 255) for _ in range(4)]
    for k, frame in enumerate(frames[:3]):
        for j in range(k):
            ImageDraw.Draw(frame).line((40 + 60 * j, 40, 40 + 60 * j, 160), 0, 9)
    data = file(frames[0], format, save_all=True, append_images=frames[1:])
    assert parts_and_holes(read_picture(data))[0] == 2


@pytest.mark.parametrize("table", [(60, 48, 44), (120, 120, 124), (205, 203, 198)], ids=["dark", "grey", "light"])
@pytest.mark.parametrize("turned", [0, 12])
def test_of_a_whole_sheet_on_a_table_only_the_sheet_counts(table: tuple[int, int, int], turned: int) -> None:
    card = Image.new("RGB", (280, 350), (242, 241, 238))
    ImageDraw.Draw(card).ellipse((70, 80, 210, 260), outline=(40, 42, 90), width=5)
    card = card.convert("RGBA").rotate(turned, Image.Resampling.BICUBIC, expand=True)
    image = Image.new("RGB", (600, 600), table)
    image.paste(card, (300 - card.width // 2, 300 - card.height // 2), card)
    for seen in (image, grainy(image)):
        ink = read_picture(file(seen))
        assert parts_and_holes(ink) == (1, 1)
        assert longest(ink) > 60


def test_a_dot_in_a_ring_that_is_cut_close_is_no_sheet() -> None:
    image, pen = canvas(400)
    pen.ellipse((0, 0, 399, 399), outline=0, width=60)
    pen.ellipse((185, 185, 215, 215), fill=0)
    assert parts_and_holes(read_picture(file(image))) == (2, 1)


@pytest.mark.parametrize("big_tiff", [False, True])
def test_a_tiffs_pages_count_as_long_as_they_have_one_size(big_tiff: bool) -> None:
    pages = [Image.new("1", size, 1) for size in ((64, 64), (64, 64), (4000, 4000), (64, 64))]
    data = file(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4", big_tiff=big_tiff)
    assert [frame.size for frame in decode_frames(data)] == [(64, 64)] * 2
    cut = data[: len(data) // 2]
    with suppress(PictureError):  # as damaged as it is
        decode_frames(cut)


def test_a_picture_of_too_many_scans_or_tags_is_refused_at_once() -> None:
    image, _ = canvas(300)
    data = file(image, "JPEG", progressive=True)
    scan = data[data.rfind(b"\xff\xda") : -2]
    with pytest.raises(PictureError):
        decode_frames(data[:-2] + 200 * scan + data[-2:])
    tags = b"".join(struct.pack("<HHLL", 60_000 + n, 7, 9_000, 8) for n in range(60))
    with pytest.raises(PictureError):
        decode_frames(b"II*\0" + struct.pack("<L", 10_008) + bytes(10_000) + struct.pack("<H", 60) + tags + bytes(4))


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(shapes(), changes())
def test_shapes_keep_their_parts_and_holes(shape, change) -> None:
    """``tools.keep_shapes`` tries thousands; a few of them may fail, none of these."""
    ink, weak = drawn(shape, change.margin)
    if is_clear(ink, change.side):
        assert parts_and_holes(read_picture(picture(ink, weak, change))) == parts_and_holes(ink)


def sheet() -> Image.Image:
    page = Image.new("RGB", (1200, 900), "white")
    for row in range(2):
        for column in range(3):
            offset = (40 + 390 * column + 7 * row, 60 + 400 * row + 9 * column)
            draw((CHARACTER, ANOTHER)[(row + column) % 2], on=page, scale=3, offset=offset, width=10)
    return page


@pytest.mark.parametrize("save", [file, lambda page: jpeg(photo(page, shadow=False))])
def test_the_characters_of_a_sheet_are_found_row_by_row(save) -> None:
    found = read_sheet(save(sheet()))
    assert len(found) == 6
    for k, ink in enumerate(found):
        assert apart(ink, expected((CHARACTER, ANOTHER)[(k // 3 + k % 3) % 2])) < 1


# Files that do harm, and files with harmless faults -------------------------------------------------------------------


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of CHARACTER with more chunks after its header."""
    data = file(draw(CHARACTER, (300, 300), 2.5, (20, 20), 6))
    extra = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    ]
    return data[:33] + b"".join(extra) + data[33:]


TEXT = b"Comment\0\0" + zlib.compress(bytes(2_000_000))
FAULTS = {
    "EXIF that takes minutes": ((b"eXIf", b"Exif\0\0" * 400_000),),
    "damaged EXIF": ((b"eXIf", b"MM\0*\xff\xff\xff\xff"),),
    "two megabytes of text": ((b"zTXt", TEXT),),
    "a colour profile of two megabytes": ((b"iCCP", TEXT),),
    "200 MB of text": ((b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000))),),
}


@pytest.mark.parametrize("name", FAULTS)
def test_metadata_do_not_matter(name: str) -> None:
    data = with_chunks(*FAULTS[name])
    start = time.process_time()
    assert np.array_equal(read_picture(data), read_picture(with_chunks()))
    assert time.process_time() - start < 2


def test_other_formats_metadata_do_not_matter_either() -> None:
    image = draw(CHARACTER, (300, 300), 2.5, (20, 20), 6)
    start = time.process_time()
    for data in (
        file(image, "WEBP", lossless=True, exif=b"Exif\0\0" * 400_000),
        jpeg(image, icc_profile=bytes(2_000_000)),
    ):
        assert apart(read_picture(data), read_picture(file(image))) < 1
    assert time.process_time() - start < 4


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def test_ten_megabytes_of_metadata_do_not_keep_others_waiting() -> None:
    image = draw(CHARACTER, (300, 300), 2.5, (20, 20), 6)
    seen, head = jpeg(image), b"\xff\xd8"
    gif = file(image.convert("P"), "GIF")
    table = 13 + (3 << ((gif[10] & 7) + 1))
    comment, full = b"!\xfe", b"\xff" + bytes([120]) * 255
    turned = Image.Exif()
    turned[0x0112] = 6
    cases = [
        (seen, head + segment(0xE1, b"Exif\0\0" * 10_900) * 140 + seen[2:]),
        (seen, head + b"\0" + segment(0xFE, bytes(60_000)) * 150 + b"\xff" + seen[2:]),
        (jpeg(image, exif=turned), head + segment(0xE2, b"x" * 60_000) * 150 + jpeg(image, exif=turned)[2:]),
        (gif, gif[:table] + comment + full * 38_000 + b"\0" + gif[table:]),
        (gif, gif[:table] + (comment + full + b"\0") * 38_000 + gif[table:]),
        (gif, gif[:table] + comment + b"\1x" * 4_000_000 + b"\0" + gif[table:]),
    ]
    for plain, stuffed in cases:
        start = time.process_time()
        assert np.array_equal(read_picture(stuffed), read_picture(plain))
        assert time.process_time() - start < 2
    for many in (head + segment(0xFE, b"x") * 1_900_000, gif[:table] + (comment + b"\1x\0") * 1_900_000):
        start = time.process_time()
        with pytest.raises(PictureError):
            read_picture(many)
        assert time.process_time() - start < 2


def test_a_long_narrow_picture_is_not_too_small() -> None:
    image = Image.new("L", (10_000, 8), 255)
    ImageDraw.Draw(image).line((2000, 4, 8000, 4), 0, 6)
    assert longest(read_picture(file(image))) > 60


def test_avif_is_named() -> None:
    with pytest.raises(PictureError, match="AVIF"):
        decode(b"\0\0\0\x1cftypavif" + bytes(100))


def test_a_long_animation_is_not_read_to_its_end(monkeypatch) -> None:
    frames = [Image.new("L", (300, 300), k) for k in range(20)]
    data = file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert len(decode_frames(data)) == 20
    monkeypatch.setattr(pictures, "MAX_PIXELS", 500_000)
    assert len(decode_frames(data)) == 5


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    match rng.integers(4):
        case 0:
            changed = changed[: rng.integers(len(changed))]
        case 1:
            at, length = rng.integers(len(changed), size=2)
            changed[at:at] = changed[at : at + length]
        case 2:
            at = rng.integers(len(changed))
            changed[at : at + 4] = rng.bytes(4)
    for at in rng.integers(len(changed) + 1, size=rng.integers(1, 6)):
        changed[min(at, len(changed)) : at + 1] = rng.bytes(1)
    if rng.random() < 0.5 and data.startswith(b"\x89PNG"):  # else hardly any gets past the checksums
        changed = bytearray(_with_right_checksums(bytes(changed)))
    return bytes(changed)


def _with_right_checksums(data: bytes) -> bytes:
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        kept += [data[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join(kept)


def test_2000_mutated_pictures_end_in_a_drawing_or_in_one_sentence() -> None:
    rng = np.random.default_rng(0)
    image = draw(CHARACTER, (60, 60), 0.5, (4, 4), 3)
    frames = [image, draw(ANOTHER, (60, 60), 0.5, (4, 4), 3)]
    seeds = [file(image, format) for format in pictures.FORMATS]
    seeds += [file(image.quantize(8)), file(image.convert("1")), file(image.convert("LA")), file(image.convert("I;16"))]
    seeds += [
        file(image, "GIF", save_all=True, append_images=frames),
        file(image, "PNG", save_all=True, append_images=frames),
    ]
    seeds += [
        file(image, "TIFF", compression="tiff_lzw"),
        jpeg(image, progressive=True),
        file(image.convert("CMYK"), "TIFF"),
    ]
    slowest, read, sentences = 0.0, 0, set()
    tracemalloc.start()
    for k in range(2000):
        data = mutated(seeds[k % len(seeds)], rng)
        start = time.process_time()
        try:
            decode_frames(data)
            if k % 20 == 0:
                read += read_picture(data).any()
        except PictureError as refusal:
            sentences.add(str(refusal))
        slowest = max(slowest, time.process_time() - start)
        if k == 200:
            before = tracemalloc.get_traced_memory()[0]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in sentences)
    assert slowest < 2
    assert read > 10
    assert after - before < 2_000_000


@pytest.mark.parametrize("name", ["8", "theta", "Q", "O", "E"])
def test_the_holes_of_bold_strokes_are_no_ink(name):
    """Neither by their narrowness, nor as what is written on a sheet that lies on a table."""
    shape = Shape(SKELETONS[name], 0.25)
    for side, margin, ink, paper, grain, quality in (
        (640, 0.05, (30, 50, 160), (245, 240, 225), 0, 75),
        (900, 0.02, (245, 240, 225), (30, 40, 35), 0, 75),
        (640, 0.02, (30, 50, 160), (232, 236, 240), 4, None),
        (105, 0.1, (232, 236, 240), (20, 60, 45), 4, None),
    ):
        inked, weak = drawn(shape, margin)
        change = Change(side, margin, ink, ink, paper, grain, quality, False)
        if is_clear(inked, side):
            assert keeps(inked, picture(inked, weak, change)), change
