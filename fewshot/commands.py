"""The commands of ``python -m fewshot``."""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import tyro
from numpy.typing import NDArray
from safetensors import SafetensorError

import fewshot
from fewshot import FewShotModel, InputError, checkpoints
from fewshot.api import MAX_SEED, Draw
from fewshot.bench import growth_figure, table, training_table
from fewshot.data import emoji, flip, omniglot, photos, products
from fewshot.data.errors import DataError
from fewshot.data.pictures import PictureError
from fewshot.evaluation import evaluate as evaluate_network
from fewshot.evaluation import evaluate_emoji as evaluate_emoji_network
from fewshot.evaluation import evaluate_mirror
from fewshot.evaluation import evaluate_products as evaluate_products_network
from fewshot.export.formats import files, find, makes_sense
from fewshot.files import to_json, whole, writable, writable_file
from fewshot.quality import Copies, Quality, Real, characters, copies, one_shot_accuracy, versions, views
from fewshot.quality import quality as judge
from fewshot.tasks import EMOJI, FLIP, MIRROR, OMNIGLOT, PRODUCTS
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
    """Train the classifier that judges drawings, on the training alphabets, emoji or products."""
    run_classifier_training(config)


SHOTS, EMOJI_SHOTS = (1, 2, 4, 8), (1, 3, 5)  # of supports, at which characters and emoji are scored


@dataclass(frozen=True)
class EvaluateConfig:
    """Score data in nats/dim: drawings of every character, with the same targets at all shots.

    For a checkpoint of another task: emoji from other artists' versions of them, drawings or photographs from their
    mirror images, or products from other photographs of them. --shots counts for characters and emoji only, and
    --targets not for photographs.
    """

    checkpoint: str
    """a name in checkpoints/ or a path"""
    data: Path
    """packed .npz file, or a folder of Omniglot, of photographs, of icon packages, or of Stanford Online Products"""
    out: Path | None = None
    """JSON file for the result"""
    shots: tuple[int, ...] = ()
    """numbers of supports; 1 2 4 8 for characters and 1 3 5 for emoji if not given"""
    targets: int = 8
    """targets a character, or at most so many an emoji or a product"""
    split: str = "all"
    """what to take of the data: validation is what the shipped weights have not seen, all has their training data too;
    training, training+validation (alphabets only), test (of characters; of products in the official release only)"""
    seed: int = 0
    """what draws supports and targets"""
    wrong_supports: bool = False
    """score each character, emoji or product given the supports of another one"""
    against: str | None = None
    """for emoji: another checkpoint, whose nats/dim on the same targets are subtracted, with the standard error of the
    paired difference"""
    quality: bool = False
    """let the model draw too, and judge its drawings: fifty mirror images by the true ones; characters and emoji by
    whether they are recognised, varied, close to real ones, of what neither the model nor the judge has seen, which of
    the 45 alphabets and of the emoji is --split validation"""
    guidance: tuple[float, ...] = (0.0,)
    """for --quality: each of these with each cut and each temperature is a line of the table; nats/dim are without"""
    cut: tuple[float, ...] = (0.0,)
    """see guidance"""
    temperature: tuple[float, ...] = (1.0,)
    """see guidance"""


def evaluate(config: EvaluateConfig) -> None:
    """Score data in nats/dim; what the model has not seen with --split validation."""
    if config.quality and config.wrong_supports:
        raise InputError("--quality and --wrong-supports do not go together.")
    if not config.quality and (config.guidance, config.cut, config.temperature) != ((0.0,), (0.0,), (1.0,)):
        raise InputError("--guidance, --cut and --temperature are for --quality: nats/dim are without.")
    if not 0 <= config.seed <= MAX_SEED:
        raise InputError(f"--seed must be from 0 to {MAX_SEED}.")
    if config.against is not None and config.wrong_supports:
        raise InputError("--against and --wrong-supports do not go together: one difference at a time.")
    if config.out is not None:
        writable_file(config.out)
    model = fewshot.load(config.checkpoint)
    if model.task.key not in EVALUATIONS:
        raise InputError(f"How well {model.task.label} are drawn is not measured here.")
    result = {"checkpoint": model.name, "split": config.split} | EVALUATIONS[model.task.key](model, config)
    if config.out is not None:
        with whole(config.out) as partial:
            partial.write_text(to_json(result))


def evaluate_characters(model: FewShotModel, config: EvaluateConfig) -> dict[str, Any]:
    """Score characters at each number of shots; with ``quality``, judge drawings too."""
    refuse_against(config)
    judges = judge_of(model, config)
    drawings = omniglot.load(config.data).split(config.split)
    shots = config.shots or SHOTS
    scores = evaluate_network(model.network, drawings, shots, config.targets, config.seed, config.wrong_supports)
    print(heading(model, config, "alphabets"))
    print("shots  nats/dim  standard error  characters  targets")
    for s, score in scores.items():
        print(
            f"{s:>5}  {score['nats_per_dim']:8.4f}  {score['standard_error'] or math.nan:14.4f}"
            f"  {score['characters']:10}  {score['targets']:7}"
        )
    judged = judges(partial(characters, drawings))
    if judged:
        judged["one_shot_accuracy"] = one_shot_accuracy(model, drawings, config.seed)
        print(f"one-shot accuracy by likelihood {judged['one_shot_accuracy']:.4f}")
    return {"seed": config.seed, "wrong_supports": config.wrong_supports, "shots": scores, "quality": judged}


def evaluate_flips(model: FewShotModel, config: EvaluateConfig) -> dict[str, Any]:
    """Score drawings of every character, each given its mirror image, and say where it was looked at."""
    draws = draws_of(model, config)
    refuse_against(config)
    refuse_wrong_supports(config)
    images, group = flip.some(omniglot.load(config.data).split(config.split), config.targets, config.seed)
    score = evaluate_mirror(model.network, images, group)
    print(f"{heading(model, config, 'alphabets')}, {len(images)} drawings of {group.max() + 1} characters")
    print_mirror(score)
    of = {"drawings": len(images), "characters": int(group.max()) + 1, "seed": config.seed}
    return of | {"mirror": score, "quality": judged_copies(model, images, draws, config)}


def evaluate_photos(model: FewShotModel, config: EvaluateConfig) -> dict[str, Any]:
    """Score photographs, each given its mirror image, and say where it was looked at."""
    draws = draws_of(model, config)
    refuse_against(config)
    refuse_wrong_supports(config)
    images = photos.shrink(photos.load(config.data).split(config.split), model.side)
    score = evaluate_mirror(model.network, images)
    size = f"{model.side}x{model.side}, {len(images)} in number"
    print(f"{model.name}, {config.split} photographs of {config.data.name}, {size}")
    print_mirror(score)
    of = {"photographs": len(images), "seed": config.seed}
    return of | {"mirror": score, "quality": judged_copies(model, images, draws, config)}


def print_mirror(score: dict[str, float | None]) -> None:
    """A line for each of the figures of ``evaluate_mirror``."""
    for name, value in score.items():
        print(f"{name.replace('_', ' '):<22} {'-' if value is None else f'{value:.4f}'}")


def evaluate_emoji(model: FewShotModel, config: EvaluateConfig) -> dict[str, Any]:
    """Score emoji, each given other artists' versions, and compare with wrong supports or with another model."""
    judges = judge_of(model, config)
    against = None if config.against is None else fewshot.load(config.against)
    if against is not None and against.task is not model.task:
        raise InputError(f"--against must be for {model.task.label} too, '{against.name}' is not.")
    held_out = emoji.load(config.data, config.split)
    scores = evaluate_emoji_network(
        model.network,
        held_out,
        config.shots or EMOJI_SHOTS,
        config.targets,
        config.seed,
        config.wrong_supports,
        None if against is None else against.network,
    )
    print(heading(model, config, "emoji"))
    if config.wrong_supports or against is not None:
        print(f"difference: to {'the right supports' if against is None else against.name}, paired")
    print("shots  nats/dim  standard error  difference  its error  most read  emoji  targets")
    for s, score in scores.items():
        nats, error, difference, its_error, read = (
            math.nan if score[name] is None else score[name]
            for name in ("nats_per_dim", "standard_error", "difference", "difference_error", "most_read")
        )
        print(
            f"{s:>5}  {nats:8.4f}  {error:14.4f}  {difference:10.4f}  {its_error:9.4f}  {read:9.3f}"
            f"  {score['emoji']:5}  {score['targets']:7}"
        )
    return {
        "seed": config.seed,
        "wrong_supports": config.wrong_supports,
        "against": None if against is None else against.name,
        "shots": scores,
        "quality": judges(partial(versions, held_out)),
    }


def evaluate_products(model: FewShotModel, config: EvaluateConfig) -> dict[str, Any]:
    """Score photographs of products, each given others of it: Stanford Online Products, and all others."""
    judges = judge_of(model, config)
    refuse_against(config)
    held_out = products.load(config.data, config.split)
    scores = evaluate_products_network(model.network, held_out, config.targets, config.seed, config.wrong_supports)
    print(heading(model, config, "products"))
    print("source    nats/dim  standard error  products  photographs")
    for source, score in scores.items():
        print(
            f"{source:<8}  {score['nats_per_dim']:8.4f}  {score['standard_error'] or math.nan:14.4f}"
            f"  {score['products']:8}  {score['photographs']:11}"
        )
    return {
        "seed": config.seed,
        "wrong_supports": config.wrong_supports,
        "products": scores,
        "quality": judges(partial(views, held_out)),
    }


# How the models of a task are scored.
EVALUATIONS: dict[str, Callable[[FewShotModel, EvaluateConfig], dict[str, Any]]] = {
    OMNIGLOT.key: evaluate_characters,
    FLIP.key: evaluate_flips,
    MIRROR.key: evaluate_photos,
    EMOJI.key: evaluate_emoji,
    PRODUCTS.key: evaluate_products,
}


def heading(model: FewShotModel, config: EvaluateConfig, what: str) -> str:
    """The line above a table of scores."""
    wrong = ", wrong supports" if config.wrong_supports else ""
    return f"{model.name}, {config.split} {what} of {config.data.name}, seed {config.seed}{wrong}"


def judge_of(
    model: FewShotModel, config: EvaluateConfig
) -> Callable[[Callable[[np.random.Generator], Real]], dict[str, Any]]:
    """Judges a model's drawings of what ``quality`` takes, a line for each setting, and prints them; {} unless asked.

    Raises CheckpointError where there is no classifier.
    """
    classifier = checkpoints.load_classifier(model.task.key, model.task.channels) if config.quality else None
    draws = draws_of(model, config)

    def judges(take: Callable[[np.random.Generator], Real]) -> dict[str, Any]:
        if classifier is None:
            return {}
        return judged({draw: judge(model, classifier, take, config.seed, draw) for draw in draws})

    return judges


def judged_copies(
    model: FewShotModel, images: NDArray[np.uint8], draws: list[Draw], config: EvaluateConfig
) -> dict[str, Any]:
    """How close drawings are to the mirror images that they are to be, a line for each setting; {} without any."""
    shuffled = np.random.default_rng(config.seed).permutation(images)  # those of a kind stand beside each other
    return judged({draw: copies(model, shuffled, config.seed, draw) for draw in draws})


def draws_of(model: FewShotModel, config: EvaluateConfig) -> list[Draw]:
    """What ``quality`` draws with, checked; [] unless it is asked for. Raises InputError."""
    if not (config.guidance and config.cut and config.temperature):
        raise InputError("--guidance, --cut and --temperature need at least one value.")
    draws = [Draw(t, w, c) for w, c, t in product(config.guidance, config.cut, config.temperature)]
    blank = np.zeros((1, model.side, model.side, *((3,) if model.in_colour else ())), np.uint8)
    for draw in draws if config.quality else []:  # this checks them, and draws nothing yet
        model.stream(blank, 1, config.seed, **draw._asdict())
        if draw.guidance and model.network.needs_supports:
            _ = model.partner  # raises, if there is none
    return draws if config.quality else []


def judged(lines: Mapping[Draw, Quality | Copies]) -> dict[str, Any]:
    """What was found of drawings of each setting, a line each, which it prints; {} without any."""
    table = [
        {"guidance": draw.guidance, "cut": draw.cut, "temperature": draw.temperature} | asdict(found)
        for draw, found in lines.items()
    ]
    if not table:
        return {}
    print("  ".join(table[0]))
    for line in table:
        print("  ".join(f"{value:>{len(name)}.4g}" for name, value in line.items()))
    return {"drawings": table}


def refuse_wrong_supports(config: EvaluateConfig) -> None:
    """Raises InputError if the supports of another character are to be given."""
    if config.wrong_supports:
        raise InputError("--wrong-supports is for characters, emoji and products.")


def refuse_against(config: EvaluateConfig) -> None:
    """Raises InputError if another checkpoint is to be compared."""
    if config.against is not None:
        raise InputError("--against is for emoji.")


def generate(
    checkpoint: str,
    out: Path,
    support: tuple[Path, ...] = (),
    samples: int = 1,
    seed: int = 0,
    temperature: float = 1.0,
    inner_steps: int | None = None,
    guidance: float = 0.0,
    cut: float = 0.0,
    sheet: bool = False,
    formats: tuple[str, ...] = ("png", "gif", "npz"),
) -> None:
    """Draw new images, and write them as files whose names tell model, supports, settings and seed.

    Args:
        checkpoint: a name in checkpoints/ or a path.
        out: folder for what is written.
        support: one to eight pictures of the character, the emoji or the product; the one picture to mirror.
        samples: drawings to make.
        seed: of the noise: sample 1 is what this seed draws alone, sample 2 what the next seed draws, and so on.
        temperature: below 1, likelier pixels are drawn more often.
        inner_steps: of Meta and Attentive Meta PixelCNN, as in training if not given.
        guidance: 0 to 4: above 0, drawings come closer to the supports, and are no samples of the model.
        cut: 0 to 0.25: chances below it are taken as 0, and those above its complement as 1.
        sheet: each picture is a sheet with several drawings of the character, each of which is a support.
        formats: kinds of files. png, clear (transparent) and svg are pictures, sheet is all of them on one, gif a film,
            html a player that works offline, figure (PNG) and figure-svg one for a report, csv and npz the numbers, zip
            all of these.
    """
    asked = [find(key) for key in formats]
    model, pictures = fewshot.load(checkpoint), []
    read_sheet = model.task.read_sheet if sheet else None
    if sheet and read_sheet is None:
        raise InputError("--sheet is for characters.")
    writable(out)
    for path in support:
        if not path.is_file():
            raise PictureError(f"There is no picture '{path}'.")
        data = path.read_bytes()
        if read_sheet is not None:
            pictures += read_sheet(data, model.side)
        else:
            pictures.append(model.task.read_picture(data, model.side))
    if not any(makes_sense(one, model.task.channels, samples) for one in asked):
        raise InputError("These formats give no file: svg and clear are for characters, sheet is for several drawings.")
    run = model.generate(np.array(pictures), samples, seed, temperature, None, inner_steps, guidance, cut)
    for name, data in files(run, formats):
        with whole(out / name) as partial:
            partial.write_bytes(data)
        print(out / name)


def bench(figure: Path | None = None, training: bool = False) -> None:
    """Time the samplers of every shipped checkpoint, naive beside incremental in one run, and of characters also
    scoring and training.

    Args:
        figure: picture file for how the cost grows with supports, image side and layers.
        training: time instead the gain from each optimisation of training.
    """
    if figure is not None:
        writable_file(figure)
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


def site(out: Path = Path("site"), single_file: bool = False) -> None:
    """Write the studio as a static site, which draws in the browser, for any web server; or as one file.

    Args:
        out: folder for what is written.
        single_file: one HTML file instead, which opens by a double click.
    """
    from fewshot.interface.site import write_file, write_site  # the command line needs no page elsewhere

    for path in [write_file(out)] if single_file else write_site(out):
        print(path)


def download(data: Path = Path("data")) -> None:
    """Fetch Omniglot (both halves, 50 alphabets) by torchvision into a folder that --data takes.

    Args:
        data: the folder.
    """
    writable(data)
    omniglot.download(data)


# Errors whose message is one sentence for the user: of wrong use, and of what failed.
WRONG_USE = (InputError, SettingError)
FAILED = (fewshot.CheckpointError, DataError, PictureError, TrainingError, OSError, SafetensorError)


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
                "site": site,
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
    print((str(why) or type(why).__name__).splitlines()[0], file=sys.stderr)
    sys.exit(status)
