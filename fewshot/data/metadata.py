"""Picture files without what says more than the picture: texts, colour profiles, and long EXIF.

Some of Pillow's readers of these take quadratic time. What is kept is all that a picture is made of, and how it is
turned. Damaged files stay as damaged as they are.
"""

from collections.abc import Iterator

MOST = 65_536  # bytes of one piece of metadata
MOST_BLOCKS = 50_000  # of a file; a long animation has a tenth of it
PNG = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf"}
START_OF_SCAN, COMMENT, APPLICATIONS, EXIF = 0xDA, 0xFE, range(0xE0, 0xF0), 0xE1  # markers of JPEG
JFIF_AND_ADOBE = (0xE0, 0xEE)  # which say how its colours are stored
WITHOUT_BODY = {0x01, *range(0xD0, 0xDA)}
EXTENSION, FRAME, END, CONTROL = b"!", b",", b";", b"\xf9"  # of GIF


def without_metadata(data: bytes) -> bytes:
    """The same picture file; one that is no PNG, JPEG or GIF as it is. Raises ValueError for too many blocks."""
    for magic, pieces in ((PNG, _png), (b"\xff\xd8", _jpeg), (b"GIF8", _gif)):
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
