"""The command line: ``python -m fewshot --help`` lists the commands."""

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import tyro
from safetensors import SafetensorError

import fewshot
from fewshot import checkpoints
from fewshot.api import MAX_SEED
from fewshot.bench import growth_figure, table, training_table
from fewshot.data import omniglot, photos, products
from fewshot.data.drawing import read_picture, read_sheet
from fewshot.data.pictures import PictureError
from fewshot.evaluation import evaluate as evaluate_network
from fewshot.evaluation import evaluate_mirror
from fewshot.evaluation import evaluate_products as evaluate_products_network
from fewshot.figures import save_run
from fewshot.files import writable, writable_file
from fewshot.quality import one_shot_accuracy
from fewshot.quality import quality as judge
from fewshot.training.average import AverageConfig
from fewshot.training.average import average as run_average
from fewshot.training.classifier import ClassifierConfig
from fewshot.training.classifier import train_classifier as run_classifier_training
from fewshot.training.train import SettingError, TrainConfig, TrainingError
from fewshot.training.train import train as run_training


def train(config: TrainConfig) -> None:
    """Train a model; started again with the same arguments, it goes on where it was."""
    run_training(config)


def average(config: AverageConfig) -> None:
    """Average the weights of trainings that went on from each other."""
    run_average(config)


def train_classifier(config: ClassifierConfig) -> None:
    """Train the classifier that judges drawings, on the training alphabets."""
    run_classifier_training(config)


def evaluate(
    checkpoint: str,
    data: Path,
    out: Path | None = None,
    shots: tuple[int, ...] = (1, 2, 4, 8),
    targets: int = 8,
    split: str = "all",
    seed: int = 0,
    wrong_supports: bool = False,
    quality: bool = False,
) -> None:
    """Score drawings in nats/dim, of every character of the data, with the same targets at all shots.

    Or photographs from their mirror images, or products from other photographs of them, for a checkpoint of that task:
    then --shots does not count, and for mirror images neither do --targets and --seed.

    Args:
        checkpoint: a name in checkpoints/ or a path.
        data: packed .npz file, or a folder of Omniglot, of photographs, or of Stanford Online Products.
        out: JSON file for the result.
        shots: numbers of supports.
        targets: targets a character, or at most so many a product.
        split: what to take of the data: validation is what the shipped weights have not seen, all has their training
            data too; training, training+validation (alphabets only), test (not of photographs).
        seed: what draws supports and targets.
        wrong_supports: score each character or product given the supports of another one.
        quality: let the model draw too, and judge its drawings: recognised, varied, close to real ones; on alphabets
            that neither the model nor the judge has seen, which of the 45 are those of --split validation.
    """
    if quality and wrong_supports:
        raise fewshot.InputError("--quality and --wrong-supports do not go together.")
    if not 0 <= seed <= MAX_SEED:
        raise fewshot.InputError(f"--seed must be from 0 to {MAX_SEED}.")
    if out is not None:
        writable_file(out)
    model = fewshot.load(checkpoint)
    if quality and model.in_colour:
        raise fewshot.InputError("--quality is for characters: no classifier of photographs is at hand to judge them.")
    if model.task == "mirror":
        if wrong_supports:
            raise fewshot.InputError("--wrong-supports is for characters and products.")
        evaluate_photos(model, data, out, split)
        return
    if model.task == "products":
        evaluate_products(model, data, out, split, targets, seed, wrong_supports)
        return
    classifier = checkpoints.load_classifier() if quality else None
    drawings = omniglot.load(data).split(split)
    scores = evaluate_network(model.network, drawings, shots, targets, seed, wrong_supports)
    print(f"{model.name}, {split} alphabets of {data.name}, seed {seed}" + ", wrong supports" * wrong_supports)
    print("shots  nats/dim  standard error  characters  targets")
    for s, score in scores.items():
        print(
            f"{s:>5}  {score['nats_per_dim']:8.4f}  {score['standard_error'] or math.nan:14.4f}"
            f"  {score['characters']:10}  {score['targets']:7}"
        )
    judged = {}
    if classifier is not None:
        judged = asdict(judge(model, classifier, drawings, seed))
        judged["one_shot_accuracy"] = one_shot_accuracy(model, drawings, seed)
        for name, value in judged.items():
            print(f"{name.replace('_', ' '):<22} {value:.4f}")
    result = {"checkpoint": model.name, "split": split, "seed": seed, "wrong_supports": wrong_supports}
    write_json(result | {"shots": scores, "quality": judged}, out)


def evaluate_photos(model: fewshot.FewShotModel, data: Path, out: Path | None, split: str) -> None:
    """Score photographs, each given its mirror image, and say where it was looked at."""
    images = photos.shrink(photos.load(data).split(split), model.side)
    score = evaluate_mirror(model.network, images)
    print(f"{model.name}, {split} photographs of {data.name}, {model.side}x{model.side}, {len(images)} in number")
    for name, value in score.items():
        print(f"{name.replace('_', ' '):<22} {'-' if value is None else f'{value:.4f}'}")
    write_json({"checkpoint": model.name, "split": split, "photographs": len(images), "mirror": score}, out)


def evaluate_products(
    model: fewshot.FewShotModel,
    data: Path,
    out: Path | None,
    split: str,
    targets: int,
    seed: int,
    wrong_supports: bool,
) -> None:
    """Score photographs of products, each given others of it: Stanford Online Products, and all others."""
    scores = evaluate_products_network(model.network, products.load(data, split), targets, seed, wrong_supports)
    print(f"{model.name}, {split} products of {data.name}, seed {seed}" + ", wrong supports" * wrong_supports)
    print("source    nats/dim  standard error  products  photographs")
    for source, score in scores.items():
        print(
            f"{source:<8}  {score['nats_per_dim']:8.4f}  {score['standard_error'] or math.nan:14.4f}"
            f"  {score['products']:8}  {score['photographs']:11}"
        )
    result = {"checkpoint": model.name, "split": split, "seed": seed, "wrong_supports": wrong_supports}
    write_json(result | {"products": scores}, out)


def write_json(result: dict, out: Path | None) -> None:
    """The result of an evaluation to a file, if one is wanted."""
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n")


def generate(
    checkpoint: str,
    out: Path,
    support: tuple[Path, ...] = (),
    samples: int = 1,
    seed: int = 0,
    temperature: float = 1.0,
    inner_steps: int | None = None,
    sheet: bool = False,
) -> None:
    """Draw new images: PNGs, an animated GIF of the first being drawn, and the trace (.npz).

    Args:
        checkpoint: a name in checkpoints/ or a path.
        out: folder for what is written.
        support: one to eight pictures of the character or the product; the one photograph to mirror.
        samples: drawings to make.
        seed: of the noise.
        temperature: below 1, likelier pixels are drawn more often.
        inner_steps: of Meta and Attentive Meta PixelCNN, as in training if not given.
        sheet: each picture is a sheet with several drawings of the character, each of which is a support.
    """
    model, pictures = fewshot.load(checkpoint), []
    if sheet and model.in_colour:
        raise fewshot.InputError("--sheet is for characters.")
    writable(out)
    for path in support:
        if not path.is_file():
            raise PictureError(f"There is no picture '{path}'.")
        data = path.read_bytes()
        if model.in_colour:
            pictures.append(photos.read_photo(data, model.side))
        else:
            pictures += map(omniglot.max_pool, read_sheet(data) if sheet else [read_picture(data)])
    run = model.generate(np.array(pictures), samples, seed, temperature, inner_steps=inner_steps)
    for path in save_run(run, out):
        print(path)


def bench(figure: Path | None = None, training: bool = False) -> None:
    """Time the samplers, scoring and training of every shipped checkpoint, naive beside incremental in one run.

    Args:
        figure: picture file for how the cost grows with supports, image side and layers.
        training: time instead what each of training's means brings.
    """
    for line in training_table() if training else table():
        print(line, flush=True)
    if figure is not None:
        growth_figure(figure)


def report(data: Path, out: Path = Path("docs")) -> None:
    """Draw the figures of the reports in docs/: scores against shots and images seen, and pages of samples.

    Args:
        data: packed .npz file, or a folder of Omniglot.
        out: folder for the folders of pictures.
    """
    writable(out)
    from fewshot.report import write  # takes a second, and nothing else needs it

    for path in write(data, out):
        print(path)


def lab(
    experiment: tyro.conf.Positional[Literal["inner-steps", "inner-loss", "ablations", "mirror"]],
    checkpoints: tuple[str, ...],
    data: Path,
    out: Path = Path("assets/lab"),
) -> None:
    """Answer a question about the models by measurement, as numbers (.json) and a figure (.png).

    inner-steps: how many gradient steps on the supports help, and when they harm; checkpoints of Meta PixelCNN.
    inner-loss: does the learned inner loss emulate the task's; checkpoints along a training of Meta PixelCNN.
    ablations: what attention loses without a support, with a wrong one, with positions shuffled.
    mirror: what models of that task make of photographs, Meta PixelCNN after each inner step.

    Args:
        experiment: one of the four.
        checkpoints: names in checkpoints/ or paths.
        data: packed .npz file, or a folder of Omniglot; of photographs for mirror.
        out: folder for what is written.
    """
    if not checkpoints:
        raise fewshot.InputError("--checkpoints needs at least one checkpoint.")
    writable(out)
    from fewshot.lab import run  # takes a second, and nothing else needs it

    for path in run(experiment, list(checkpoints), data, out):
        print(path)


def download(data: Path = Path("data")) -> None:
    """Fetch Omniglot (both halves, 50 alphabets) by torchvision into a folder that --data takes.

    Args:
        data: the folder.
    """
    writable(data)
    omniglot.download(data)


# Errors whose message is one sentence for the user: of wrong use, and of what failed.
WRONG_USE = (fewshot.InputError, SettingError)
FAILED = (fewshot.CheckpointError, omniglot.DataError, PictureError, TrainingError, OSError, SafetensorError)


def main() -> None:
    try:
        tyro.extras.subcommand_cli_from_dict(
            {
                "train": train,
                "average": average,
                "train-classifier": train_classifier,
                "evaluate": evaluate,
                "generate": generate,
                "bench": bench,
                "report": report,
                "lab": lab,
                "download": download,
            },
            prog="python -m fewshot",
            description="Few-shot autoregressive density estimation.",
            config=(tyro.conf.OmitArgPrefixes,),
        )
    except WRONG_USE as error:
        end(error, 2)
    except FAILED as error:
        end(error, 1)
    except KeyboardInterrupt:
        end("Stopped.", 130)


def end(why: object, status: int) -> NoReturn:
    """End with a sentence on stderr, and the status."""
    print(str(why).splitlines()[0], file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
