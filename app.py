"""Open the studio in the browser: python app.py [--port PORT]"""

import ctypes
import os
from contextlib import suppress
from dataclasses import dataclass

import tyro

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: no request leaves this machine
# Before numpy and torch are imported: a picture's many small steps take twice as long when several threads share them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
MALLOC_MMAP_THRESHOLD = -3  # of Linux's C library: blocks of so many bytes go back to the system when they are freed


@dataclass
class Options:
    """Teach a machine a new character from a handful of drawings, and watch it draw."""

    port: int | None = None  # the first free one from 7860 on, if not given


def main() -> None:
    options = tyro.cli(Options)
    with suppress(AttributeError, OSError, TypeError):  # where there is no such thing
        ctypes.CDLL(None).mallopt(MALLOC_MMAP_THRESHOLD, 2**20)
    from fewshot.interface import studio

    try:
        studio.launch(studio.build(), server_port=options.port, inbrowser=True)
    except (OSError, OverflowError) as error:  # the port is taken, or none
        raise SystemExit(f"The studio cannot be served: {error}") from error


if __name__ == "__main__":
    main()
