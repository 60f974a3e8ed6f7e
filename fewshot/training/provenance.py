"""What a card says of how its weights came about."""

import shlex
import subprocess
import sys
from pathlib import Path


def command(processes: int = 1) -> str:
    """The command line that runs."""
    start = f"torchrun --nproc-per-node {processes}" if processes > 1 else "python"
    return f"{start} -m fewshot {shlex.join(sys.argv[1:])}"


def commit() -> str:
    """The commit of the code that runs, if it is a git checkout."""
    describe = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return "unknown"
    return done.stdout.strip() or "unknown"
