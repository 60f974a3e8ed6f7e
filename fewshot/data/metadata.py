"""Picture files without what says more than the picture: texts, profiles, long EXIF, a TIFF's pages of other sizes.

Some of Pillow's readers of these take quadratic time, or as much as a far larger picture. What is kept is all that a
picture is made of, and how it is turned. Damaged files stay as damaged as they are.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress

MOST = 65_536  # bytes of one piece of metadata
MOST_BLOCKS = 50_000  # of a file; a long animation has a tenth of it
MOST_SCANS = 100  # of a JPEG, each of which goes through the whole picture; a progressive one has about ten
PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf"}
START_OF_SCAN, COMMENT, APPLICATIONS, EXIF = 0xDA, 0xFE, range(0xE0, 0xF0), 0xE1  # markers of JPEG
JFIF_AND_ADOBE = (0xE0, 0xEE)  # which say how its colours are stored
WITHOUT_BODY = {0x01, *range(0xD0, 0xDA)}
# Of TIFF, and of its form for large files: the first page's place, a page's number of tags, a tag with its type, length
# and value, and the next page's place.
TIFF, BIG_TIFF = ("4xL", "H", "HHL4s", "L"), ("8xQ", "Q", "HHQ8s", "Q")
WIDTH_AND_HEIGHT = (256, 257)  # tags
MOST_PAGES = 300
TIFF_BYTES = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8)  # of a number, by its type
EXTENSION, FRAME, END, CONTROL = b"!", b",", b";", b"\xf9"  # of GIF


def without_metadata(data: bytes) -> bytes:
    """The same picture file; a BMP or WebP as it is. Raises ValueError for too many blocks, or too much in them."""
    for magic, pieces in PIECES.items():
        if data.startswith(magic):
            kept = []
            for number, piece in enumerate(pieces(data)):
                if number >= MOST_BLOCKS:
                    raise ValueError("There are too many blocks in this file.")
                kept.append(piece)
            return b"".join(kept)
    return data


# Each gives a file's blocks one after the other: an empty one in place of what is left out.


def _png(data: bytes) -> Iterator[bytes]:
    yield PNG
    at = len(PNG)
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        yield data[at:end] if name in PNG_CHUNKS and (name != b"eXIf" or length <= MOST) else b""
        at = end


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    at, turned = 2, False
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 4:  # between segments, Pillow looks for the next one too
        marker, end = data[at + 1], at + 2
        if marker == START_OF_SCAN:
            if data.count(bytes([0xFF, START_OF_SCAN]), at) > MOST_SCANS:
                raise ValueError("There are too many scans in this file.")
            yield data[at:]
            return
        if marker == 0xFF:  # fills up
            end = at + 1
        elif marker and marker not in WITHOUT_BODY:
            end += max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)
        is_exif = marker == EXIF and data[at + 4 : at + 8] == b"Exif"
        more = marker == COMMENT or (marker in APPLICATIONS and marker not in JFIF_AND_ADOBE)
        yield b"" if more and (turned or not is_exif) else data[at:end]
        turned, at = turned or is_exif, end


def _gif(data: bytes) -> Iterator[bytes]:
    at = 13 + _colours(data[10:11])
    yield data[:at]
    while at < len(data):
        kind, end, wanted = data[at : at + 1], at + 1, False
        if kind == END:
            break
        if kind == EXTENSION:
            wanted, end = data[at + 1 : at + 2] == CONTROL, _after_parts(data, at + 2)
        elif kind == FRAME:
            wanted, end = True, _after_parts(data, at + 11 + _colours(data[at + 9 : at + 10]))
        yield data[at:end] if wanted else b""
        at = end
    yield END


def _colours(flags: bytes) -> int:
    """How many bytes a table of colours has."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _after_parts(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


def _tiff(data: bytes) -> Iterator[bytes]:
    """Its first pages, as long as all have the size of the first."""
    order, big = "<" if data.startswith(b"II") else ">", b"+" in data[:4]
    first, number, tag, following = (struct.Struct(order + one) for one in (BIG_TIFF if big else TIFF))
    end, sides, held = 0, set[tuple[int, int, bytes]](), 0  # of the pages so far
    with suppress(struct.error):  # it ends too early
        (at,) = first.unpack_from(data)
        for page in range(MOST_PAGES):
            (tags,) = number.unpack_from(data, at)
            at += number.size
            found = list(tag.iter_unpack(data[at : at + tags * tag.size]))
            its = {(name, kind, value) for name, kind, _, value in found if name in WIDTH_AND_HEIGHT}
            if page and its != sides:
                break
            held += sum(TIFF_BYTES[kind] * length for _, kind, length, _ in found if kind < len(TIFF_BYTES))
            if held > len(data):
                raise ValueError("The tags of this file claim more than there is.")
            end, sides = at + tags * tag.size, its
            (at,) = following.unpack_from(data, end)
            if not at:
                break
    yield data[:end]
    yield bytes(following.size if end else 0)
    yield data[end + following.size if end else 0 :]


PIECES = {PNG: _png, b"\xff\xd8": _jpeg, b"GIF8": _gif}
PIECES |= dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _tiff)
