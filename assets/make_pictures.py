"""Makes the app's sample pictures: five scenes to mirror, and three products seen from four angles each.

    python assets/make_pictures.py

writes assets/photos/mirror/*.png and assets/photos/products/*.png, all 192x192, in about two minutes; every run gives
the same pictures. The scenes are painted layer upon layer, the products rendered with a small z-buffer renderer. The
portrait is matplotlib's sample picture of Grace Hopper, which is in the public domain.
"""

from pathlib import Path

import matplotlib.cbook
import numpy as np
from PIL import Image, ImageFilter

Array = np.ndarray
OUT = Path(__file__).parent / "photos"
SIZE, FINE = 192, 3  # pictures are drawn FINE times too large and shrunk, which smooths the edges
N = SIZE * FINE
Y, X = np.mgrid[0:N, 0:N] / N  # picture coordinates: x to the right, y downwards, both from 0 to 1


# ---------------------------------------------------------------- painting


def noise(seed: int, cells_x: int, cells_y: int, octaves: int = 4) -> Array:
    """Cloudy noise from about -1 to 1 whose largest blobs are 1/cells of the picture."""
    rng, total = np.random.default_rng(seed), np.zeros((N, N))
    for k in range(octaves):
        grid = rng.uniform(-1, 1, (cells_y << k, cells_x << k)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((N, N), Image.Resampling.BICUBIC)) / 2**k
    return total


def gradient(t: Array, *stops: tuple[float, str]) -> Array:
    """Colours along t, as in gradient(Y, (0, "#204060"), (1, "#ffffff"))."""
    colours = np.array([rgb(c) for _, c in stops])
    return np.stack([np.interp(t, [s for s, _ in stops], colours[:, c]) for c in range(3)], axis=-1)


def rgb(colour: str) -> Array:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def inside(distance: Array, softness: float = 0.004) -> Array:
    """1 where the signed distance is negative, 0 where it is positive, with a soft edge."""
    return np.clip(0.5 - distance / softness, 0, 1)


def ellipse(x: float, y: float, rx: float, ry: float, softness: float = 0.004) -> Array:
    return inside((np.hypot((X - x) / rx, (Y - y) / ry) - 1) * min(rx, ry), softness)


def glow(x: float, y: float, radius: float) -> Array:
    return np.exp(-((X - x) ** 2 + (Y - y) ** 2) / radius**2)


def polygon(*corners: tuple[float, float]) -> Array:
    """A convex polygon, corners clockwise."""
    edges = zip(corners, corners[1:] + corners[:1], strict=True)
    return inside(
        np.max(
            [
                ((X - ax) * (by - ay) - (Y - ay) * (bx - ax)) / np.hypot(bx - ax, by - ay)
                for (ax, ay), (bx, by) in edges
            ],
            axis=0,
        )
    )


def paint(image: Array, colour: Array | str, mask: Array) -> None:
    """Lays a colour, or another picture, over the image where the mask is 1."""
    image += ((rgb(colour) if isinstance(colour, str) else colour) - image) * mask[..., None]


def save(image: Array, name: str, seed: int, grain: float = 0.008) -> None:
    small = np.asarray(image).clip(0, 1).reshape(SIZE, FINE, SIZE, FINE, 3).mean(axis=(1, 3))
    small += np.random.default_rng(seed).normal(0, grain, (SIZE, SIZE, 1))
    path = OUT / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((small.clip(0, 1) * 255).round().astype(np.uint8)).save(path, optimize=True)


# ---------------------------------------------------------------- scenes


def harbour() -> Array:
    sky = gradient(Y, (0, "#2b3a72"), (0.25, "#8a5a92"), (0.45, "#f0826a"), (0.62, "#ffd48a"))
    image = sky.copy()
    clouds = np.clip(noise(1, 2, 8) * 1.2 - 0.25, 0, 1) * inside(Y - 0.55, 0.2)
    paint(image, gradient(Y, (0, "#5a4a80"), (0.3, "#d8708a"), (0.6, "#ffb080")), clouds * 0.7)
    paint(image, "#ffe9b0", glow(0.74, 0.56, 0.2) * 0.75)
    paint(image, "#fffbe8", ellipse(0.74, 0.55, 0.062, 0.062, 0.01))
    waves = noise(2, 6, 40, 3)
    sea = gradient(Y + waves * 0.025, (0.62, "#e58a70"), (0.72, "#7a5a86"), (1, "#1d2c56"))
    sparkle = np.exp(-(((X - 0.74) / (0.04 + 0.22 * (Y - 0.62).clip(0))) ** 2)) * np.clip(0.55 + waves, 0, 1)
    paint(sea, "#ffe2a0", sparkle)
    paint(image, sea, inside(0.62 - Y))
    paint(image, "#3a2c50", polygon((0.60, 0.715), (0.80, 0.715), (0.765, 0.75), (0.625, 0.75)))
    paint(image, "#fff0d8", polygon((0.70, 0.46), (0.79, 0.70), (0.70, 0.70)))
    paint(image, "#d9a8a0", polygon((0.685, 0.50), (0.685, 0.70), (0.62, 0.70)))
    lighthouse(image)
    return image


def lighthouse(image: Array) -> None:
    """A tower on a rock at the left, lit by the sun at the right."""
    rough = noise(3, 6, 6)
    light = np.clip(0.5 + rough * 0.5 + (X - 0.25), 0, 1)
    paint(
        image,
        gradient(light, (0, "#1e1a2e"), (1, "#8a5a58")),
        inside(0.74 + 1.1 * (X - 0.2) ** 2 + 0.025 * rough + 1.5 * (X - 0.4).clip(0) - Y, 0.006),
    )
    width = 0.055 + 0.05 * (Y - 0.24)
    across = (X - 0.22) / width
    bands = (np.floor((Y - 0.26) / 0.1) % 2)[..., None]
    colours = bands * rgb("#fff4e4") + (1 - bands) * rgb("#d8362e")
    shade = (0.35 + 0.65 * np.sqrt((1 - (across.clip(-1, 1) - 0.5) ** 2 / 2.3).clip(0)) ** 3)[..., None]
    paint(image, colours * shade, inside((np.abs(across) - 1) * 0.06) * inside(0.26 - Y) * inside(Y - 0.76))
    paint(image, "#ffefb0", glow(0.22, 0.205, 0.12) * 0.7)
    paint(image, "#fff6c0", polygon((0.185, 0.17), (0.255, 0.17), (0.255, 0.25), (0.185, 0.25)))
    paint(image, "#2c2236", polygon((0.145, 0.245), (0.295, 0.245), (0.295, 0.268), (0.145, 0.268)))
    paint(image, "#8e2426", polygon((0.22, 0.10), (0.275, 0.175), (0.165, 0.175)))


def hills() -> Array:
    image = gradient(Y, (0, "#4f95d6"), (0.35, "#a9d3ea"), (0.6, "#fbe9c8"))
    paint(image, "#ffffff", np.clip(noise(11, 2, 5) - 0.2, 0, 1) * inside(Y - 0.4, 0.2) * 0.75)
    paint(image, "#fff2b8", glow(0.78, 0.2, 0.24) * 0.85)
    paint(image, "#fffbe0", ellipse(0.78, 0.2, 0.085, 0.085, 0.012))
    layers = [
        (0.36, 0.30, 3, "#7f9cc4", "#b5c6dc"),
        (0.50, 0.20, 4, "#52799c", "#93b3b8"),
        (0.62, 0.13, 3, "#3c7062", "#86a878"),
        (0.78, 0.08, 2, "#2f5c2c", "#8fb048"),
    ]
    for k, (level, height, bumps, dark, bright) in enumerate(layers):
        ridge = level + height * (0.6 * noise(20 + k, bumps, 1, 5)[0][None, :] + 0.3 * (X - 0.4))
        rough = noise(30 + k, 4, 5, 5)
        light = np.clip(0.45 + 0.025 * np.gradient(rough, axis=1) * N + 0.1 * rough, 0, 1)
        rock = gradient(light, (0, dark), (1, bright))
        if k == 0:
            paint(rock, "#ffffff", inside(Y - ridge - 0.07 - 0.05 * rough, 0.02) * (0.55 + 0.45 * light))
        if k < 3:  # haze gathers in the valleys
            paint(rock, "#f4e8d0", np.clip((Y - ridge) * 2.2, 0, 0.5))
        paint(image, rock, inside(ridge - Y))
    tree(image)
    return image


def tree(image: Array) -> None:
    """A big tree at the left, its crown made of many leafy blobs that grow brighter towards the sun."""
    rng = np.random.default_rng(5)
    paint(image, "#1f3a18", ellipse(0.17, 0.925, 0.2, 0.03, 0.05) * 0.7)
    bend = 0.2 + 0.015 * np.sin(Y * 9)
    wood = gradient((X - bend) / 0.06 + 0.2 * noise(6, 30, 4), (-0.6, "#2e1c12"), (0.5, "#95683e"))
    paint(
        image,
        wood,
        inside(np.abs(X - bend) - 0.022 - 0.25 * (Y - 0.84).clip(0), 0.006) * inside(0.5 - Y) * inside(Y - 0.93),
    )
    spots = [(a, r) for a, r in zip(rng.uniform(0, 2 * np.pi, 170), np.sqrt(rng.uniform(0, 1, 170)), strict=True)]
    blobs = [(0.22 + 0.2 * r * np.cos(a), 0.44 + 0.19 * r * np.sin(a)) for a, r in spots]
    for x, y in sorted(blobs, key=lambda b: b[0] - b[1]):
        light = np.clip(0.45 + 1.5 * (x - 0.22) - 1.8 * (y - 0.44) + rng.normal(0, 0.13), 0, 1)
        colour = gradient(np.array(light), (0, "#15381a"), (0.5, "#3d7a2c"), (1, "#a8c84a"))
        paint(image, colour, ellipse(x, y, rng.uniform(0.025, 0.045), rng.uniform(0.02, 0.035), 0.008))


def balloon() -> Array:
    image = gradient(Y, (0, "#2f7fd0"), (0.65, "#c9e6f5"))
    paint(image, "#ffffff", np.clip(noise(41, 2, 4, 5) - 0.1, 0, 1) * inside(Y - 0.5, 0.3) * 0.8)
    paint(image, gradient(Y, (0.58, "#8fb3c4"), (0.7, "#6f9a7c")), inside(0.63 + 0.03 * noise(42, 4, 1)[0] - Y))
    fields(image)
    envelope(image, 0.69, 0.29, 0.235)
    return image


def fields(image: Array) -> None:
    """Strips of crops that run to a vanishing point beyond the left edge."""
    depth = 0.1 / (Y - 0.62).clip(0.012)
    strip = np.floor((X + 0.35) * depth * 3.1 + 1.7).astype(int)
    row = np.floor(np.log2(depth) * 1.1 + 0.3).astype(int)
    palette = np.array([rgb(c) for c in ("#e2b93c", "#7fae3e", "#4c8a3a", "#c99a4a", "#a6c452")])
    colours = palette[(strip * 3 + row) % 5] * (1 + 0.10 * noise(43, 12, 24))[..., None]
    furrows = 1 + 0.08 * np.sin((X + 0.35) * depth * 75) * np.clip((Y - 0.68) * 6, 0, 1)
    paint(image, colours * furrows[..., None], inside(0.67 - Y, 0.01))
    paint(image, "#cfe2e0", inside(0.67 - Y) * np.clip(0.6 - (Y - 0.67) * 5, 0, 1))
    paint(image, "#1c3a1c", ellipse(0.45, 0.86, 0.12, 0.03, 0.04) * 0.5)


def envelope(image: Array, cx: float, cy: float, radius: float) -> None:
    """The balloon itself: a sphere that narrows to its basket, in striped cloth lit from the upper left."""
    u, v = (X - cx) / radius, (Y - cy) / radius
    width = np.where(v < 0.25, np.sqrt((1 - v**2).clip(0)), 0.968 - 0.62 * (v - 0.25))
    across = (u / width.clip(0.05)).clip(-1, 1)
    stripe = np.floor(np.arcsin(across) / np.pi * 8 + 0.3).astype(int) % 3
    cloth = np.array([rgb("#e23b2e"), rgb("#ffd23e"), rgb("#f07a26")])[stripe]
    bulge = np.sqrt((1 - across**2).clip(0))
    light = (0.42 + 0.7 * np.clip(-0.45 * across - 0.45 * v + 0.7 * bulge, 0, 1))[..., None]
    paint(image, cloth * light, inside((np.abs(u) - width) * radius) * inside(-1 - v) * inside((v - 1.4) * radius))
    for side in (-1, 1):
        rope = cx + side * (0.05 - 0.02 * (v - 1.4) / 0.3)
        paint(image, "#4a3020", inside(np.abs(X - rope) - 0.003) * inside(1.4 - v) * inside(v - 1.75))
    basket = gradient(X + 0.01 * np.sin(Y * 500), (cx - 0.04, "#c98a4a"), (cx + 0.04, "#5c361c"))
    paint(image, basket, inside(np.maximum(np.abs(X - cx) - 0.042, np.abs(Y - cy - 1.86 * radius) - 0.032)))


def fish() -> Array:
    image = gradient(Y + 0.25 * (X - 0.5), (-0.1, "#a8f0ee"), (0.3, "#2fa6c8"), (0.7, "#136a9c"), (1.1, "#082f5c"))
    angle = np.arctan2(X - 0.1, Y + 0.3)
    rays = np.interp(angle, np.linspace(-1, 1.6, 60), np.random.default_rng(51).uniform(0, 1, 60))
    paint(image, "#e8fff8", rays**2 * np.clip(0.85 - Y, 0, 1) * 0.4)
    sand = 0.9 + 0.05 * noise(52, 3, 1, 3)[0] - 0.08 * X
    paint(image, gradient(noise(53, 8, 16), (-1, "#6a8a80"), (1, "#c8c494")), inside(sand - Y, 0.02) * 0.85)
    weeds(image)
    swimmer(image)
    for x, y, r in ((0.09, 0.36, 0.022), (0.13, 0.25, 0.03), (0.08, 0.15, 0.02), (0.16, 0.08, 0.026)):
        paint(image, "#c8f6ff", (ellipse(x, y, r, r) - 0.75 * ellipse(x, y, r * 0.8, r * 0.8)) * 0.9)
        paint(image, "#ffffff", ellipse(x - r * 0.35, y - r * 0.35, r * 0.25, r * 0.25))
    return image


def weeds(image: Array) -> None:
    for k, (x, top) in enumerate(((0.80, 0.60), (0.86, 0.42), (0.92, 0.52), (0.97, 0.36))):
        stem = x + 0.025 * np.sin(Y * 14 + 2 * k)
        blade = np.abs(X - stem) - 0.02 * np.sqrt((Y - top).clip(0) / 0.3).clip(0, 1)
        colour = gradient((X - stem) / 0.02 + Y, (-0.5, "#5fb86a"), (1.6, "#0f4a48"))
        paint(image, colour, inside(blade) * inside(top - Y))


def swimmer(image: Array) -> None:
    """The orange fish, head to the left."""
    u, v = (X - 0.45) / 0.3, (Y - 0.5) / 0.3
    back = np.clip(1 - np.abs(u) ** 2.2, 0, 1) ** 0.6 * (0.62 - 0.12 * u)
    streaks = 0.08 * np.sin(np.arctan2(v, u - 0.6) * 40)
    fin = gradient(np.hypot(u, v) + streaks, (0.5, "#f06a1c"), (1.0, "#ffa63c"), (1.6, "#ffd884"))
    tail = np.abs(v + 0.04) - 0.12 - 0.85 * (u - 0.85).clip(0)
    edge = 1.36 - 0.14 * np.cos(v * 5)
    paint(image, fin, inside(tail * 0.3) * inside((u - edge) * 0.3) * inside((0.75 - u) * 0.3))
    crest = 0.86 * np.clip(1 - ((u - 0.1) / 0.75) ** 2, 0, 1) ** 0.5 * (1 + 0.05 * np.sin(u * 26))
    paint(image, fin, inside((np.abs(v) - crest) * 0.3) * inside(v * 0.3))
    paint(image, fin, ellipse(0.5, 0.68, 0.055, 0.085))
    height = (v / back.clip(0.05)).clip(-1, 1)
    scales = 0.06 * np.sin(u * 45) * np.sin(v * 45)
    body = gradient(height + scales, (-1, "#ffb84a"), (-0.4, "#ff8a1e"), (0.3, "#f2640e"), (1, "#9c3208"))
    for centre, bend, half in ((-0.42, 0.25, 0.085), (0.22, -0.2, 0.1), (0.8, 0.1, 0.06)):
        off = np.abs(u - centre - bend * (0.35 - v**2)) - half
        paint(body, "#4a1c10", inside(off - 0.03, 0.03))
        paint(body, gradient(height, (-1, "#ffffff"), (0.3, "#f4ece4"), (1, "#98a0b0")), inside(off, 0.03))
    paint(image, body, inside((np.abs(v) - back) * 0.3) * inside(np.abs(u) - 1))
    flap = np.hypot((u - 0.02) / 0.2, (v - 0.16 - 0.3 * (u - 0.02)) / 0.15)
    paint(image, "#8a3008", inside(flap - 1.12, 0.2) * 0.6)
    paint(image, gradient(u + streaks, (-0.15, "#f2741a"), (0.2, "#ffc468")), inside(flap - 1, 0.06))
    for radius, colour, shift in ((0.034, "#fff6e0", 0), (0.024, "#16100c", 0), (0.008, "#ffffff", 0.009)):
        paint(image, colour, ellipse(0.235 - shift, 0.455 - shift, radius, radius))


def portrait() -> Array:
    photo = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")
    face = photo.resize((N, N), Image.Resampling.LANCZOS, box=(96, 4, 432, 340))
    return np.asarray(face.filter(ImageFilter.GaussianBlur(2))) / 255  # its film grain would only make a large file


# ---------------------------------------------------------------- products
#
# A mesh is an array of triangles x 3 corners x 9 numbers: position (y upwards), normal and linear colour.


def surface(points: Array, colour: str) -> Array:
    """A smooth mesh through a grid of points (rows x columns x 3)."""
    normals = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12
    grid = np.concatenate([points, normals, np.broadcast_to(rgb(colour) ** 2.2, points.shape)], axis=-1)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 3, 9)


def box(centre: tuple[float, float, float], size: tuple[float, float, float], colour: str) -> Array:
    square = np.array([[[-1, -1, 1], [1, -1, 1]], [[-1, 1, 1], [1, 1, 1]]]) / 2
    sides = [np.roll(square * flip, shift, axis=2) for shift in range(3) for flip in (1, -1)]
    return np.concatenate([surface(side * size + centre, colour) for side in sides])


def chair() -> Array:
    wood, red = "#c9935c", "#d1402f"
    legs = [box((x, 0.45, z), (0.1, 0.9, 0.1), wood) for x in (-0.42, 0.42) for z in (-0.42, 0.42)]
    posts = [box((x, 1.45, 0.42), (0.1, 1.1, 0.1), wood) for x in (-0.42, 0.42)]
    slats = [box((0, y, 0.42), (0.76, 0.18, 0.05), red) for y in (1.24, 1.54, 1.84)]
    rungs = [box((x, 0.4, 0), (0.06, 0.07, 0.76), wood) for x in (-0.42, 0.42)]
    return np.concatenate([box((0, 0.94, -0.02), (1.02, 0.1, 1.0), red), *legs, *posts, *slats, *rungs])


def mug() -> Array:
    turn, blue = np.linspace(0, 2 * np.pi, 37), "#2f86c0"

    def turned(profile: list[tuple[float, float]], colour: str) -> Array:
        radius, height = np.array(profile).T[:, :, None]
        return surface(np.stack([radius * np.cos(turn), height + 0 * turn, radius * np.sin(turn)], axis=2), colour)

    wall = turned([(0, 0), (0.44, 0), (0.49, 0.02), (0.5, 0.08), (0.5, 0.6), (0.5, 1.08)], blue)
    inside_wall = [(0.5, 1.08), (0.49, 1.11), (0.465, 1.12), (0.44, 1.1), (0.44, 0.6), (0.44, 0.12), (0, 0.1)]
    bend, tube = np.linspace(-1.75, 1.75, 21)[:, None], turn[::4]
    reach = 0.33 + 0.065 * np.cos(tube)
    ring = [0.48 + reach * np.cos(bend), 0.58 + 1.05 * reach * np.sin(bend), 0.09 * np.sin(tube) + 0 * bend]
    return np.concatenate([wall, turned(inside_wall, "#f6efe2"), surface(np.stack(ring, axis=2), blue)])


def cabinet() -> Array:
    oak, front, dark = "#b0713c", "#eec48a", "#4a3a30"
    legs = [box((x, 0.1, z), (0.09, 0.2, 0.09), dark) for x in (-0.52, 0.52) for z in (-0.2, 0.2)]
    drawers = [box((0, y, -0.29), (1.06, 0.29, 0.04), front) for y in (0.38, 0.72, 1.06)]
    knobs = [box((x, y, -0.33), (0.16, 0.05, 0.05), dark) for x in (-0.27, 0.27) for y in (0.38, 0.72, 1.06)]
    case = [box((0, 0.72, 0), (1.16, 1.06, 0.56), oak), box((0, 1.28, -0.02), (1.26, 0.07, 0.66), oak)]
    return np.concatenate([*case, *legs, *drawers, *knobs])


def rasterise(corners: Array, n: int) -> tuple[Array, Array, Array]:
    """The nearest triangle at each of n x n pixels: its nearness, its number (or -1), the weights of its corners.

    Corners are (pixel x, pixel y, nearness).
    """
    near, number, weights = np.full((n, n), -np.inf), np.full((n, n), -1), np.zeros((n, n, 3))
    lowest, highest = corners.min(axis=1).clip(0, n).astype(int), corners.max(axis=1).clip(-1, n - 1).astype(int) + 1
    for t, ((ax, ay, _), (bx, by, _), (cx, cy, _)) in enumerate(corners.tolist()):
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        cut = slice(lowest[t, 1], highest[t, 1]), slice(lowest[t, 0], highest[t, 0])
        y, x = np.ogrid[cut]
        y, x = y + 0.5 - ay, x + 0.5 - ax
        wb, wc = (x * (cy - ay) - y * (cx - ax)) / area, (y * (bx - ax) - x * (by - ay)) / area
        w = np.stack([1 - wb - wc, wb, wc], axis=-1)
        nearness = w @ corners[t, :, 2]
        hit = (w >= 0).all(axis=-1) & (nearness > near[cut])
        near[cut][hit], number[cut][hit], weights[cut][hit] = nearness[hit], t, w[hit]
    return near, number, weights


def axes(forward: Array) -> Array:
    """Right, up and forward of someone who looks that way, as rows."""
    right = np.cross([0, 1, 0], forward)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(forward, right), forward])


def lamps() -> list[tuple[Array, float]]:
    """Direction and power: a soft box at the upper left, as lamps close together, and light from all of the studio."""
    rng = np.random.default_rng(7)
    soft_box = [(np.array([-0.6, 1.1, -0.95]) + rng.normal(0, 0.12, 3), 0.06) for _ in range(11)]
    studio = [(np.array([d[0], abs(d[1]) + 0.25, d[2]]), 0.045) for d in rng.normal(0, 1, (16, 3))]
    return [(d / np.linalg.norm(d), power) for d, power in soft_box + studio]


def lit(corners: Array, points: Array, lamp: Array, n: int = 288) -> Array:
    """Which of the points see the lamp, by a shadow map: the nearest surface from where the lamp looks."""
    view = axes(-lamp) * [[n / 3.2], [n / 3.2], [-1]]
    nearest = rasterise(corners @ view.T + [n / 2, n / 2, 0], n)[0]
    x, y, near = (points @ view.T + [n / 2, n / 2, 0]).T
    return near + 0.015 >= nearest[y.clip(0, n - 1).astype(int), x.clip(0, n - 1).astype(int)]


def illuminate(corners: Array, points: Array, normals: Array, rays: Array) -> tuple[Array, Array]:
    """The light that each point scatters, and the gloss it reflects to the camera."""
    light, gloss = np.full(len(points), 0.1), np.zeros(len(points))
    for lamp, power in lamps():
        seen = power * lit(corners, points + 0.012 * normals, lamp)
        halfway = lamp - rays / np.linalg.norm(rays, axis=1, keepdims=True)
        halfway /= np.linalg.norm(halfway, axis=1, keepdims=True)
        light += seen * (normals @ lamp).clip(0)
        gloss += seen * (normals * halfway).sum(axis=1).clip(0) ** 60
    return light, gloss


def render(mesh: Array, grain: float, azimuth: float, elevation: float, zoom: float) -> Array:
    """A studio photograph of the mesh, turned by azimuth and seen from above by elevation (both in degrees)."""
    a, e, distance = np.radians(azimuth), np.radians(elevation), 5.5
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    low, high = mesh[..., :3].min(axis=(0, 1)), mesh[..., :3].max(axis=(0, 1))
    corners = (mesh[..., :3] - (low + high) / 2 * [1, 0, 1]) * 2 / np.linalg.norm(high - low) @ turn

    view, scale = axes(np.array([0, -np.sin(e), np.cos(e)])), 0.5 * zoom * distance * N
    eye = np.array([0, corners[..., 1].max() * 0.48, 0]) - distance * view[2]
    right, up, ahead = np.moveaxis((corners - eye) @ view.T, -1, 0)
    screen = np.stack([N / 2 + scale * right / ahead, N / 2 - scale * up / ahead, 1 / ahead], axis=-1)
    near, number, weights = rasterise(screen, N)

    rays = np.stack([(X - 0.5) * N / scale, (0.5 - Y) * N / scale, np.ones((N, N))], axis=-1) @ view
    product = number >= 0
    seen = product | (rays[..., 1] < -0.02)  # the rest is backdrop without an end
    product, near, number, weights, rays = product[seen], near[seen], number[seen], weights[seen], rays[seen]
    depth = np.where(product, 1 / near.clip(0.01), -eye[1] / rays[:, 1].clip(None, -0.02))
    points = eye + rays * depth[:, None]
    blend = np.einsum("pk,pkc->pc", weights, mesh[number][..., 3:])
    normals = np.where(product[:, None], blend[:, :3] @ turn, [0, 1, 0])
    normals *= np.where((normals * rays).sum(axis=1) > 0, -1, 1)[:, None]
    light, gloss = illuminate(corners, points, normals, rays)

    x, y, z = (points @ turn.T).T
    wood = 1 + grain * np.sin(70 * y + 9 * np.sin(4 * x + 2 * y) + 7 * np.sin(3 * z)) * np.sin(23 * y + 5 * x + 9 * z)
    colour = blend[:, 3:] * (wood * light * 1.15)[:, None] + 0.3 * gloss[:, None]
    image = gradient(Y + 0.15 * np.hypot(X - 0.45, Y - 0.4), (0.1, "#e4e6ea"), (0.55, "#f7f6f4"), (1.1, "#dedad5"))
    open_floor = 0.1 + sum(power * lamp[1] for lamp, power in lamps())
    paper = image[seen] * (light / open_floor)[:, None] ** (1 / 2.2)
    image[seen] = np.where(product[:, None], colour.clip(0, 1) ** (1 / 2.2), paper)
    return image


# For each product the strength of its wood grain, and azimuth, elevation and zoom of each picture.
PRODUCTS = {
    chair: (0.18, [(-35, 20, 0.97), (28, 12, 1.0), (68, 26, 0.94), (150, 18, 0.98)]),
    mug: (0.0, [(-20, 22, 0.95), (35, 32, 0.9), (140, 14, 0.98), (185, 26, 0.93)]),
    cabinet: (0.18, [(-38, 16, 1.0), (-14, 9, 1.06), (24, 24, 0.96), (50, 14, 1.0)]),
}


def main() -> None:
    for seed, scene in enumerate((harbour, hills, balloon, fish)):
        save(scene(), f"mirror/{scene.__name__}", seed)
    save(portrait(), "mirror/portrait", 0, grain=0)
    for product, (grain, views) in PRODUCTS.items():
        for k, view in enumerate(views, 1):
            save(render(product(), grain, *view), f"products/{product.__name__}-{k}", k)


if __name__ == "__main__":
    main()
