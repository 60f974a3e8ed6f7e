"""The command line: ``python -m fewshot {train, evaluate, generate, download} --help``."""

import sys
from pathlib import Path

import tyro

from fewshot.checkpoints import CheckpointError
from fewshot.data import omniglot
from fewshot.training.train import TrainConfig
from fewshot.training.train import train as run_training


def train(config: TrainConfig) -> None:
    """Train a model on Omniglot; started again with the same arguments, it goes on where it was."""
    run_training(config)


def download(data: Path = Path("data")) -> None:
    """Fetch Omniglot (both halves, 50 alphabets) by torchvision into a folder that --data takes.

    Args:
        data: the folder.
    """
    omniglot.download(data)


def main() -> None:
    try:
        tyro.extras.subcommand_cli_from_dict(
            {"train": train, "download": download},
            prog="python -m fewshot",
            description="Few-shot autoregressive density estimation.",
            config=(tyro.conf.OmitArgPrefixes,),
        )
    except (CheckpointError, omniglot.DataError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
