"""The command line: ``python -m fewshot --help`` lists the commands, which are in ``commands``."""

import os
import signal
import sys


def stop(*_: object) -> None:
    """End at once: a library that is half loaded may take an exception for its own."""
    sys.stderr.write("Stopped.\n")
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, stop)  # Ctrl-C while torch is loaded, which takes seconds
    from fewshot.commands import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
