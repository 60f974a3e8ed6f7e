"""Picture files from a user, decoded with care: whoever sends one may have made it to do harm."""

import io
from contextlib import suppress
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

from fewshot.data import metadata

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000
MIN_SIDE = 8
# Few decoders, all of bitmaps: each one more is a way in for a hostile file.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

MAX_FRAMES = 300  # of an animation that are looked at, and together they have at most MAX_PIXELS

_DECODING = Lock()  # one at a time: at full size, one may take 400 MB
_WORKING_SIDE = 720  # a drawing is searched at this size, which is fast and still shows a pencil line


class PictureError(ValueError):
    """A picture, or a drawing, cannot be used; the message is one sentence for the user."""


def decode(data: bytes, formats: tuple[str, ...] | None = None, limited: bool = True) -> Image.Image:
    """The upright picture in RGB or RGBA, at most 720 pixels long. Raises PictureError.

    Of some formats only, FORMATS if None. Without being ``limited``, several times as large as a user may send.
    """
    return decode_frames(data, 1, formats, limited)[0]


def decode_frames(
    data: bytes, most: int = MAX_FRAMES, formats: tuple[str, ...] | None = None, limited: bool = True
) -> list[Image.Image]:
    """As ``decode``, but of an animation its frames, as many as are looked at; they have one size."""
    max_bytes, max_pixels = (MAX_BYTES, MAX_PIXELS) if limited else (10 * MAX_BYTES, 3 * MAX_PIXELS)
    if len(data) > max_bytes:
        raise PictureError(f"The picture is larger than {max_bytes // 1_000_000} MB: please make it smaller.")
    head = bytes(data[:1024]).lower()
    if b"<svg" in head:
        raise PictureError("SVG pictures are not supported: save it as PNG or JPEG.")
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"):
        raise PictureError("HEIC pictures are not supported: save it as PNG or JPEG.")
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        raise PictureError("AVIF pictures are not supported: save it as PNG or JPEG.")
    too_many = PictureError(f"The picture has more than {max_pixels // 1_000_000} megapixels: please make it smaller.")
    try:
        image = Image.open(io.BytesIO(metadata.without_metadata(data)), formats=formats or FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_many from None
    except Exception as error:
        names = " or ".join(formats) if formats else "PNG, JPEG, WebP, GIF, BMP or TIFF"
        raise PictureError(f"The file is not a picture: use {names}.") from error
    if min(image.size) < MIN_SIDE:
        raise PictureError(f"The picture is too small: it needs {MIN_SIDE} pixels to a side.")
    size = image.width * image.height
    if size > max_pixels:
        raise too_many
    most = min(most, max_pixels // size)
    with _DECODING:
        try:
            animated = most > 1 and getattr(image, "is_animated", False)
            frames = [_reduced(image.copy() if animated else image)]
        except Exception as error:  # on damaged files Pillow raises nearly anything, from OSError to struct.error
            raise PictureError("The picture is damaged or incomplete: please save it again.") from error
        with suppress(Exception):  # other frames that cannot be read do not matter
            for k in range(1, min(most, getattr(image, "n_frames", 1)) if animated else 1):
                image.seek(k)
                if image.width * image.height > size:  # of a GIF, a later one may be larger
                    break
                frame = _reduced(image.copy())
                if frame.size == frames[0].size:
                    frames.append(frame)
    return frames


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its camera was held, if that can be read."""
    for key in [key for key, value in image.info.items() if hasattr(value, "__len__") and len(value) > metadata.MOST]:
        del image.info[key]
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata
        return image


def _reduced(image: Image.Image) -> Image.Image:
    """The picture decoded and upright in RGB or RGBA, at most 720 pixels long."""
    if image.mode[0] in "IF":  # 16 bits and more: the brightest value counts as white
        values = np.array(_upright(image), np.float32)
        np.nan_to_num(values, copy=False, posinf=0).clip(0, out=values)
        values *= 255 / max(values.max(), 1e-9)
        image = Image.fromarray(values.astype(np.uint8))
    elif image.mode in ("1", "P", "PA"):  # before it shrinks, because these cannot be averaged
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((_WORKING_SIDE, _WORKING_SIDE), Image.Resampling.BOX)
    return _upright(image.convert("RGBA" if image.has_transparency_data else "RGB"))
