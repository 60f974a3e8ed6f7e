"""Open the studio in the browser: python app.py [--lan] (python app.py --help says what else)"""

import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Literal

import tyro

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: no request leaves this machine
# Before numpy and torch are imported: a picture's many small steps take twice as long when several threads share them.
os.environ.setdefault("OMP_NUM_THREADS", "1")


PROXIES = {"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"}


@dataclass
class Options:
    """Teach a machine a new character from a handful of drawings, and watch it draw."""

    port: int | None = None  # the first free one from 7860 on, if not given; any free one for 0
    lan: bool = False  # let everyone in this network use it, and show them its address
    allowed_host: tuple[str, ...] = ()  # other names by which it may be asked, as through a proxy
    root_path: str = ""  # the path below which a proxy serves it, such as /studio
    workers: int | None = None  # processes that draw; one a core if not given, none for 0
    # where characters are drawn, by models that a browser can draw with: auto is each browser that is fast enough
    engine: Literal["auto", "browser", "server"] = "auto"


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    options = tyro.cli(Options)
    for name in [name for name in os.environ if name.lower() in PROXIES]:
        del os.environ[name]  # this machine is never reached by a proxy, and the studio reaches nothing else
    from fewshot.interface import temporary

    os.environ["GRADIO_TEMP_DIR"] = str(temporary.own_folder())  # before the page is built
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes
    from fewshot.interface import studio
    from fewshot.memory import give_back

    give_back()
    port = free_port() if options.port == 0 else options.port
    number = (os.cpu_count() or 1) if options.workers is None else options.workers
    try:
        studio.serve(port, options.lan, options.allowed_host, options.root_path, number, options.engine)
    except (OSError, OverflowError) as error:  # the port is taken, or none
        raise SystemExit(f"The studio cannot be served: {error}") from error


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # while the libraries are loaded
        sys.exit(130)
