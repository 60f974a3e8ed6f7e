"""Where the ink is in a picture of any size, in any light, of any pen.

1. The paper: on a screen it is all of one colour. In a photo its light is uneven; there, the brightest around each
   pixel (a morphological closing) is what the pixel would be without ink. Of a photo that shows a whole sheet on a
   table, only the sheet counts. Whether the dark or the light is the paper,
   the picture's border tells, or that strokes are narrow.
2. The strength of the ink at a pixel is the share of the paper's light that it takes, in the colour in which it takes
   most: so ink of any colour counts.
3. The edge of a stroke lies low, since ink may be weak; but between two strokes, at half the strength of what lies on
   both sides, so that blur closes no gap and no hole.
4. Thin straight lines from edge to edge, several side by side, are ruled or squared paper. Then only what shows in
   every colour that the ink shows in counts, which hides coloured lines, and of grey lines what is strong.
5. Specks go, and the table beside the paper.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.filters import threshold_otsu
from skimage.morphology import convex_hull_image, skeletonize

from fewshot.data.pictures import PictureError

BLANK = "No ink was found in the picture: it looks blank."
EIGHT = np.ones((3, 3), bool)  # diagonal neighbours belong together

_ENOUGH = 320  # pixels of the long side: the strokes of a smaller picture become smooth by enlarging it in grey
_FAINTEST = 0.03, 0.07  # ink takes away at least this share of the paper's light, on a screen and in a photo
_EDGE = 0.15, 0.25  # of the strongest ink, on a screen and in a photo: what is weaker is paper
_PAPER = -0.3  # the margin of what is clearly no ink
_BOLD = 0.1  # of the picture's side: strokes as wide as this leave no paper to see close by
_SMALL = 180  # pixels: sides of the copy in which paper is looked for around bold strokes, or on a table
_SHEET = 0.05, 0.9  # of the picture: the least and the most that a whole sheet on a table takes
_TWO_TONES = 0.15  # of the picture: as much as bold strokes take, or leave
_CORNERS = 0.84  # of the smallest rectangle around it: a sheet takes more, also slantwise; an ellipse takes .79
_PEN = 0.07  # of such a sheet's side: strokes are not half as wide


def ink_margin(picture: np.ndarray) -> np.ndarray:
    """How far each pixel is above the edge of the ink: float [h, w], above 0 where there is ink.

    ``picture`` is float [height, width, 3], 0..255; a small one comes out larger. Raises PictureError if it is blank.
    """
    picture = _sheet_of(picture)
    paper = _screen_paper(picture)
    on_screen = paper is not None
    taken = np.abs(picture - paper) / 255 if on_screen else _light_taken(picture)
    noise = 0.0 if on_screen else _noise(taken)
    large_enough = max(picture.shape) >= _ENOUGH
    if large_enough and not on_screen:
        taken, noise = ndimage.gaussian_filter(taken, (1, 1, 0)), 0.4 * noise  # the grain
    strongest = np.partition(taken.reshape(-1, 3), -5, axis=0)[-5]  # a few pixels may be anything
    seen = (strongest > _FAINTEST[not on_screen]) & (strongest > 6 * noise)
    if not seen.any():
        raise PictureError(BLANK)
    taken, strongest = taken[..., seen], strongest[seen]
    strength, edge = taken.max(2) / strongest.max(), max(_EDGE[not on_screen], 5 * noise / strongest.max())
    if not large_enough:
        return _character(_above_edge(enlarged(strength, _ENOUGH), edge), on_screen)
    margin = _above_edge(strength, edge)
    if _is_ruled(strength > 0.6 * edge):  # lines that are nearly paper would show in pieces
        lowest = (taken / strongest)[..., strongest > 0.5 * strongest.max()].min(2)
        margin = _above_edge(lowest, 0.5)
        if _is_ruled(margin > 0):
            margin = _above_edge(lowest - 0.2, 0.5)
    return _character(margin, on_screen)


def enlarged(grey: np.ndarray, side: float) -> np.ndarray:
    """A map [h, w] with ``side`` pixels to its longer side, if it has fewer, smoothly."""
    height, width = grey.shape
    by = side / max(height, width)
    if by <= 1:
        return grey
    size = max(round(width * by), 1), max(round(height * by), 1)
    return np.asarray(Image.fromarray(grey.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))


def large(mask: np.ndarray, area: float, neighbours: np.ndarray | None = EIGHT) -> np.ndarray:
    """The connected parts of a mask of at least that area. For those of the paper, whose diagonals ink cuts: None."""
    labels, _ = ndimage.label(mask, neighbours)
    keep = np.bincount(labels.ravel()) >= area
    keep[0] = False
    return keep[labels]


def stroke_width(ink: np.ndarray) -> float:
    """The width of the strokes, in pixels: along the skeleton, the median distance to the paper on both sides."""
    if not ink.any():
        raise PictureError(BLANK)
    ink = np.pad(ink[ndimage.find_objects(ink.astype(np.uint8))[0]], 1)
    return 2 * float(np.median(ndimage.distance_transform_edt(ink)[skeletonize(ink)])) - 1


# The paper -------------------------------------------------------------------------------------------------------


def _screen_paper(picture: np.ndarray) -> np.ndarray | None:
    """The colour [3] of paper that is all of one colour, as on a screen or in a good scan; None of a photo."""
    colours = picture.astype(np.uint8)
    codes, counts = np.unique(colours.astype(np.int32) @ (1 << 16, 1 << 8, 1), return_counts=True)
    known = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)

    def commonest(among: np.ndarray) -> tuple[np.ndarray, float]:
        """The commonest colour, and the share of the picture that is as good as that."""
        colour = known[np.argmax(counts * among)]
        return colour.astype(float), counts[(np.abs(known - colour) <= 1).all(1) & among].sum() / counts.sum()

    one, share = commonest(np.ones(len(codes), bool))
    others = (np.abs(known - one) > 8).any(1)
    if not others.any():
        return one
    other, other_share = commonest(others)
    if share + other_share < 0.5:
        return None
    if other_share < 0.1:
        return one if share > 0.65 or _of_border((np.abs(picture - one) <= 1).all(2)) > 0.5 else None
    light, dark = sorted((one, other), key=lambda colour: -colour.sum())
    is_dark = np.linalg.norm(picture - dark, axis=2) < np.linalg.norm(picture - light, axis=2)
    return dark if _paper_is_dark(is_dark) else light


def _paper_is_dark(dark: np.ndarray) -> bool:
    """Whether of a picture's dark and light pixels the dark ones are the paper."""
    share, of_border = dark.mean(), _of_border(dark)
    if 0.2 < of_border < 0.8:  # strokes are cut off
        return share + of_border > 1.25
    border_is_dark = of_border > 0.5
    border = dark if border_is_dark else ~dark
    low, high = np.percentile(_depths(border), (25, 75))
    # A frame is less than what it lies around, and as wide everywhere.
    is_frame = border.mean() < (0.5 if border_is_dark else 0.3) and high <= 1.5 * low
    return border_is_dark != is_frame


def _of_border(mask: np.ndarray) -> float:
    """The share of the picture's outermost pixels that are in the mask."""
    return float(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean())


def _depths(mask: np.ndarray) -> np.ndarray:
    """For each pixel at the border, how many pixels inwards from it are in the mask without a gap."""
    sides = (mask, mask[::-1], mask.T, mask.T[::-1])
    return np.concatenate([np.cumprod(side, 0, dtype=np.int32).sum(0) for side in sides])


def _sheet_of(photo: np.ndarray) -> np.ndarray:
    """The part of a photo with a whole sheet of paper that lies on a table, all of the sheet's colour beside it.

    The photo itself where it shows none: a sheet is one piece without bays, away from the border, with some ink.
    """
    by = max(1, min(max(photo.shape) // _SMALL, *photo.shape[:2]))
    small = ndimage.uniform_filter(photo, (by, by, 0))[by // 2 :: by, by // 2 :: by]
    for levels in (small.mean(2), np.ptp(small, axis=2)):  # lighter than the table, or a coloured note
        light = levels > threshold_otsu(levels)
        labels, count = ndimage.label(light)
        if not count:  # of one colour
            continue
        sheet = ndimage.binary_fill_holes(labels == 1 + np.bincount(labels.ravel())[1:].argmax())
        area, ink = sheet.sum(), sheet & ~light
        has_size = _SHEET[0] < area / sheet.size < _SHEET[1] and _of_border(sheet) < 0.05
        if not has_size or light[~sheet].mean() > 0.1 or not 0.001 < ink.sum() / area < 0.2:
            continue
        pen, table = (ndimage.distance_transform_edt(mask).max() for mask in (ink, ~sheet))
        # A bold 8 has no bays either, but no corners.
        if (
            area > 0.93 * convex_hull_image(sheet).sum()
            and area > _CORNERS * _box_area(sheet)
            and pen < min(table / 3, _PEN * area**0.5)
        ):
            inside = np.kron(ndimage.binary_erosion(sheet, iterations=3), np.ones((by, by), bool))
            inside = np.pad(inside, [(0, max(0, n - m)) for n, m in zip(photo.shape, inside.shape, strict=False)])
            box = ndimage.find_objects(inside.astype(np.uint8))[0]
            cut, inside = photo[box].copy(), inside[: photo.shape[0], : photo.shape[1]][box]
            cut[~inside] = np.median(cut[inside], axis=0)
            return cut
    return photo


def _box_area(mask: np.ndarray) -> float:
    """The area of the smallest rectangle around a mask, at any angle."""
    points = np.argwhere(mask)
    hull = points[ConvexHull(points).vertices]
    along = np.diff(hull, axis=0, append=hull[:1])
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    sides = [np.ptp(hull @ axes.T, axis=0) + 1 for axes in (along, along[:, ::-1] * (1, -1))]
    return float((sides[0] * sides[1]).min())


def _light_taken(picture: np.ndarray) -> np.ndarray:
    """Which share of the light of the paper around it is missing at each pixel of a photo: [height, width, 3]."""
    side = max(picture.shape)
    grey = picture.mean(2)
    if _photo_is_dark(grey):
        picture = 255 - picture
    smooth = ndimage.gaussian_filter(picture, (1, 1, 0)) if side >= _ENOUGH else picture
    # How wide the strokes are shows in a small copy, with a neighbourhood wider than most; then a closer one will do.
    by = max(1, side // _SMALL)
    small = ndimage.uniform_filter(picture, (by, by, 0))[by // 2 :: by, by // 2 :: by]
    close, wide = _closed(small, max(small.shape) // 3), _closed(small, int(0.9 * max(small.shape)))
    if _is_bold(small, close, wide):
        scale = (picture.shape[0] / small.shape[0], picture.shape[1] / small.shape[1], 1)
        return _missing(picture, ndimage.zoom(wide, scale, order=1, mode="nearest", grid_mode=True))
    taken = _missing(small, close).max(2)
    width = stroke_width(taken > 0.5 * np.percentile(taken, 99.5)) if taken.any() else 1
    return _missing(picture, _closed(smooth, min(side // 3, max(int(8 * width * by), 16))))


def _photo_is_dark(grey: np.ndarray) -> bool:
    """Whether a photo's paper is darker than its ink."""
    dark = grey < threshold_otsu(grey)
    if min(dark.mean(), 1 - dark.mean()) > _TWO_TONES:
        gap, spread = grey[~dark].mean() - grey[dark].mean(), max(grey[dark].std(), grey[~dark].std())
        if spread < 0.1 * gap:  # even light, and bold strokes: what is narrow may be a hole
            return _paper_is_dark(dark)
    leans = [_lean(grey, max(grey.shape) // part) for part in (3, 8, 20)]
    lean = max(leans, key=abs)
    clear = abs(lean) > 0.8 and not min(leans) < -0.8 < 0.8 < max(leans)  # and the squares do not contradict each other
    return lean > 0 if clear else _paper_is_dark(dark)


def _is_bold(photo: np.ndarray, close: np.ndarray, wide: np.ndarray) -> bool:
    """Whether some ink is so wide that what was taken for paper ``close`` by is ink, as a ``wide`` look shows."""
    taken, taken_close = _missing(photo, wide).max(2), _missing(photo, close).max(2)
    strongest = np.percentile(taken, 99.5)
    darker = close.mean(2) < (1 - 0.5 * strongest) * wide.mean(2)  # in all: ink takes some colours, a shadow all
    hollow = (darker & (taken > 0.8 * strongest)).sum()
    if hollow > 0.05 * (taken > 0.5 * strongest).sum():
        return True
    ink = taken_close > 0.5 * np.percentile(taken_close, 99.5)
    return ink.any() and stroke_width(ink) >= _BOLD * max(photo.shape)


def _lean(grey: np.ndarray, size: int) -> float:
    """The skewness of how far pixels are from the mean of the square around them: below 0 where narrow lines are dark.

    Strokes are narrow, so a pixel of ink is far from the mean around it, and a pixel of paper near it.
    """
    away = grey - ndimage.uniform_filter(grey, max(size, 3))
    return float((away**3).mean() / max((away**2).mean(), 1e-9) ** 1.5)


def _closed(photo: np.ndarray, size: int) -> np.ndarray:
    """The light of the paper in the square around each pixel, ``size`` wide."""
    # The square is wider than a stroke, so it finds paper around ink. It fits into most shadows, and with the edges of
    # the photo drawn on for ever into what lies beside the paper, so the edges of these are not taken for ink.
    endless = np.pad(photo, ((size, size), (size, size), (0, 0)), "edge")
    return ndimage.grey_closing(endless, (size, size, 1))[size:-size, size:-size]


def _missing(photo: np.ndarray, paper: np.ndarray) -> np.ndarray:
    taken = 1 - (photo + 8) / (paper + 8)  # the 8: where there is no light, noise is not ink
    weak = taken < 0.5 * taken.max((0, 1))
    return taken - [np.median(taken[..., c][weak[..., c]]) if weak[..., c].any() else 0 for c in range(3)]


def _noise(taken: np.ndarray) -> float:
    """The standard deviation of the grain: what a pixel differs by from its neighbours where nothing is drawn."""
    return float(np.percentile(np.abs(taken - ndimage.uniform_filter(taken, (3, 3, 0))), 25)) / 0.3


# The ink ---------------------------------------------------------------------------------------------------------


def _above_edge(strength: np.ndarray, edge: float) -> np.ndarray:
    """The strength above the edge; parts that are nowhere well above it are shades of the paper, not ink."""
    wide = min(max(int(stroke_width(strength > 0.5)), 5), 45) | 1
    margin = strength - np.maximum(edge, 0.5 * ndimage.grey_closing(strength, (wide, wide)))
    labels, count = ndimage.label(margin > 0, EIGHT)
    shade = np.append(True, ndimage.maximum(strength, labels, range(1, count + 1)) < 1.3 * edge)
    shade[0] = False
    return np.where(shade[labels], _PAPER, margin)


def _is_ruled(ink: np.ndarray) -> bool:
    """Whether at least three thin straight lines run side by side from edge to edge of the picture."""
    return _lines_across(ink) > 2 or _lines_across(ink.T) > 2


def _lines_across(ink: np.ndarray) -> int:
    """How many thin straight lines, up to 8 degrees from level, run from the left edge to the right one."""
    height, width = ink.shape
    y, x = np.nonzero(ndimage.binary_dilation(ink, EIGHT))
    most = 0
    for slope in np.tan(np.radians(np.arange(-8, 8.1, 0.5))):
        rise = int(abs(slope) * width) + 1
        cover = np.bincount((y - slope * (x - width / 2)).astype(int) + rise, minlength=height + 2 * rise) / width
        starts = np.flatnonzero(np.diff((cover > 0.4).astype(int), prepend=0, append=0))
        full = [cover[a:b].max() > 0.75 and b - a < max(0.02 * height, 9) for a, b in starts.reshape(-1, 2)]
        most = max(most, sum(full))
    return most


def _character(margin: np.ndarray, on_screen: bool) -> np.ndarray:
    """The margin, below 0 now at specks, and in a photo at the table beside the paper."""
    ink = margin > 0
    labels, count = ndimage.label(ink, EIGHT)
    if not count:
        raise PictureError(BLANK)
    if not on_screen:
        border = np.bincount(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]), minlength=count + 1)
        table = border > min(ink.shape) / 2
        table[0] = False
        inside = ink & ~table[labels]
        is_large = table.any() and inside.any() and stroke_width(ink & ~inside) > 2 * stroke_width(inside)
        if is_large and inside.sum() > 0.1 * ink.sum():
            ink = inside
            labels, count = ndimage.label(ink, EIGHT)
    width = stroke_width(ink)
    sizes = np.array([max(y.stop - y.start, x.stop - x.start) for y, x in ndimage.find_objects(labels)])
    least = (0.3 if on_screen else 0.6) * width
    keep = np.append(False, sizes >= min(least, sizes.max()))
    return np.where(ink & ~keep[labels], _PAPER, margin)
