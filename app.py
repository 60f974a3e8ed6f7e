"""Open the studio in the browser: python app.py [--port PORT]"""

import os
from dataclasses import dataclass

import tyro

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: no request leaves this machine
# Before numpy and torch are imported: a picture's many small steps take twice as long when several threads share them.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@dataclass
class Options:
    """Teach a machine a new character from a handful of drawings, and watch it draw."""

    port: int | None = None  # the first free one from 7860 on, if not given


def main() -> None:
    options = tyro.cli(Options)
    from fewshot.interface import studio
    from fewshot.memory import give_back

    give_back()
    try:
        studio.launch(studio.build(), server_port=options.port, inbrowser=True)
    except (OSError, OverflowError) as error:  # the port is taken, or none
        raise SystemExit(f"The studio cannot be served: {error}") from error


if __name__ == "__main__":
    main()
