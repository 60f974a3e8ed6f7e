"""The kinds of files that a run can be taken home as. This is the one place that says so."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from fewshot.api import InputError, Run
from fewshot.export.figure import to_figure
from fewshot.export.numbers import to_csv, to_npz
from fewshot.export.pictures import to_gif, to_png, to_sheet, to_svg
from fewshot.export.player import to_html
from fewshot.export.recipe import check


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    label: str  # for the page's menu
    ending: str  # of its file's name
    media: str  # its media type
    write: Callable[[Run, int], bytes]  # of one sample of a finished run
    whole: bool = False  # whether it holds all samples of a run
    in_colour: bool = True  # whether there is one of pictures in colour
    several: bool = False  # whether it makes sense of several samples only


def _html(run: Run, sample: int) -> bytes:
    return to_html(run, sample).encode()


def _zip(run: Run, sample: int) -> bytes:
    """All other files of a run, of all samples."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files(run, (key for key in FORMATS if key != "zip")):
            archive.writestr(name, data)
    return file.getvalue()


FORMATS = {
    "png": Format("Picture, on white (PNG)", ".png", "image/png", to_png),
    "clear": Format(
        "Picture, transparent (PNG)", "-clear.png", "image/png", partial(to_png, clear=True), in_colour=False
    ),
    "svg": Format("Strokes (SVG)", ".svg", "image/svg+xml", to_svg, in_colour=False),
    "sheet": Format("All variations on one sheet (PNG)", "-sheet.png", "image/png", to_sheet, whole=True, several=True),
    "gif": Format("Film of the drawing (GIF)", ".gif", "image/gif", to_gif),
    "html": Format("Player that works offline (HTML)", ".html", "text/html", _html),
    "figure": Format("Figure (PNG)", "-figure.png", "image/png", partial(to_figure, kind="png")),
    "figure-svg": Format("Figure (SVG)", "-figure.svg", "image/svg+xml", partial(to_figure, kind="svg")),
    "csv": Format("Numbers of each pixel (CSV)", ".csv", "text/csv", to_csv, whole=True),
    "npz": Format("All numbers (npz)", ".npz", "application/octet-stream", to_npz, whole=True),
    "zip": Format("All of these (ZIP)", ".zip", "application/zip", _zip, whole=True),
}


def find(key: object) -> Format:
    """A format. Raises InputError."""
    if not isinstance(key, str) or key not in FORMATS:
        raise InputError(f"There is no format '{key}'. There are: {', '.join(FORMATS)}.")
    return FORMATS[key]


def makes_sense(asked: Format, channels: int, samples: int) -> bool:
    """Whether a format is of pictures with so many channels, and of so many."""
    return (asked.in_colour or channels == 1) and (not asked.several or samples > 1)


def files(run: Run, formats: Iterable[str], sample: int | None = None) -> Iterator[tuple[str, bytes]]:
    """The files of a finished run, of one sample or of all: (name, content).

    ``formats`` are keys of FORMATS; those that make no sense of this run give no file. Raises InputError.
    """
    for asked in map(find, formats):
        if not makes_sense(asked, run.facts.channels, len(run.images)):
            continue
        for n in range(len(run.images)) if sample is None else [sample]:
            check(run, n)
            if asked.whole:
                yield run.file_name() + asked.ending, asked.write(run, n)
                break
            yield run.file_name(n) + asked.ending, asked.write(run, n)
