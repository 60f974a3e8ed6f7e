"""Open the studio in the browser: python app.py [--port PORT]"""

import os
from dataclasses import dataclass

import tyro

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: no request leaves this machine


@dataclass
class Options:
    """Teach a machine a new character from a handful of drawings, and watch it draw."""

    port: int | None = None  # the first free one from 7860 on, if not given


def main() -> None:
    options = tyro.cli(Options)
    from fewshot.interface import studio

    studio.launch(studio.build(), server_port=options.port, inbrowser=True)


if __name__ == "__main__":
    main()
