"""Picture files from a user, decoded with care: whoever sends one may have made it to do harm."""

import io
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000
MIN_SIDE = 8
# Few decoders, all of bitmaps: each one more is a way in for a hostile file.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

_DECODING = Lock()  # one at a time: at full size, one may take 400 MB
_WORKING_SIDE = 720  # a drawing is searched at this size, which is fast and still shows a pencil line


class PictureError(ValueError):
    """A picture, or a drawing, cannot be used; the message is one sentence for the user."""


def decode(data: bytes) -> Image.Image:
    """The upright picture in RGB or RGBA, at most 720 pixels long. Raises PictureError."""
    if len(data) > MAX_BYTES:
        raise PictureError(f"The picture is larger than {MAX_BYTES // 1_000_000} MB: please make it smaller.")
    head = bytes(data[:1024]).lower()
    if b"<svg" in head:
        raise PictureError("SVG pictures are not supported: save it as PNG or JPEG.")
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"):
        raise PictureError("HEIC pictures are not supported: save it as PNG or JPEG.")
    too_many = PictureError(f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels: please make it smaller.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_many from None
    except Exception as error:
        raise PictureError("The file is not a picture: use PNG, JPEG, WebP, GIF, BMP or TIFF.") from error
    if image.width * image.height > MAX_PIXELS:
        raise too_many
    try:
        with _DECODING:
            image = ImageOps.exif_transpose(_reduced(image))
    except Exception as error:  # on damaged files Pillow raises nearly anything, from OSError to struct.error
        raise PictureError("The picture is damaged or incomplete: please save it again.") from error
    if min(image.size) < MIN_SIDE:
        raise PictureError(f"The picture is too small: it needs {MIN_SIDE} pixels to a side.")
    return image


def _reduced(image: Image.Image) -> Image.Image:
    """The picture decoded in RGB or RGBA, at most 720 pixels long."""
    if image.mode[0] in "IF":  # 16 bits and more: the brightest value counts as white
        values = np.array(ImageOps.exif_transpose(image), np.float32)
        np.nan_to_num(values, copy=False, posinf=0).clip(0, out=values)
        values *= 255 / max(values.max(), 1e-9)
        image = Image.fromarray(values.astype(np.uint8))
    elif image.mode in ("1", "P", "PA"):  # before it shrinks, because these cannot be averaged
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((_WORKING_SIDE, _WORKING_SIDE), Image.Resampling.BOX)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
