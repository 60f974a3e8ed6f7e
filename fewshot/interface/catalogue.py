"""What the page offers: its tasks, their models, and ready-made sets to try them with."""

from contextlib import suppress
from typing import Any

import fewshot
from fewshot import CheckpointError, FewShotModel, InputError, checkpoints
from fewshot.api import MAX_GUIDANCE, MAX_SEED, MAX_TEMPERATURE, MIN_TEMPERATURE, guides
from fewshot.data import drawing, omniglot, pictures
from fewshot.export.formats import FORMATS
from fewshot.models import MODELS, ModelConfig
from fewshot.payload import pack_images, pack_task
from fewshot.tasks import OMNIGLOT, TASKS, Task

DEFAULT_MODEL = f"{OMNIGLOT.key}-{ModelConfig.model}"


def find(name: object) -> FewShotModel:
    """A shipped model; a path is not accepted here. Raises CheckpointError."""
    names = checkpoints.shipped()
    if not isinstance(name, str) or name not in names:
        raise CheckpointError(f"There is no model '{name}'. There are: {', '.join(names) or 'none'}.")
    return fewshot.load(name)


def find_task(key: object) -> Task:
    """A task. Raises InputError."""
    if not isinstance(key, str) or key not in TASKS:
        raise InputError(f"There is no task '{key}'.")
    return TASKS[key]


def tasks() -> list[Task]:
    """The tasks that have models."""
    return [task for task in TASKS.values() if checkpoints.shipped(task.key)]


def task_choice(task: Task) -> tuple[str, str]:
    """A task's label, two lines: its name and what it does; and its key."""
    return f"{task.label}\n{task.line}", task.key


def ordered(task: Task) -> list[str]:
    """A task's shipped models, from the one that reads least to the one that reads most, then what else is there."""
    order = [f"{task.key}-{model}" for model in MODELS]
    return sorted(checkpoints.shipped(task.key), key=lambda name: (*order, name).index(name))


def fits(task: Task, name: str) -> bool:
    """Whether a model draws images of the task's size; a damaged one is shown, and says what it is."""
    with suppress(CheckpointError):
        return find(name).side == task.side
    return True


def choice(name: str) -> tuple[str, str]:
    """A model's label, two lines: its title and what it reads. A damaged one says so."""
    try:
        facts = find(name).facts
        return f"{facts.title}\nReads {facts.reads}.", name
    except CheckpointError as error:
        return f"{name}\n{error}", name


def choices(task: Task) -> list[tuple[str, str]]:
    """The labels and names of the models of a task, in order."""
    return [choice(name) for name in ordered(task) if fits(task, name)]


def is_local(task: Task, config: ModelConfig) -> bool:
    """Whether a browser can draw with such a model by itself: it has no gradients, and no head for all colours."""
    few_colours = config.channels == 1 or bool(config.palette and not config.own)
    return few_colours and not task.repeats and not MODELS[config.model].adapts


def first_choice(names: list[str]) -> str:
    """Of some models the first that attends, else the last."""
    for name in names:
        with suppress(CheckpointError):
            if find(name).attends:
                return name
    return names[-1]


def drawn_sets() -> list[dict[str, Any]]:
    """The ready-made sets for the pad, [{"name", "drawings": [pixels, ...]}, ...]."""
    sets = OMNIGLOT.ready_made(OMNIGLOT.side).items()
    return [
        {"name": name, "drawings": [pack_images(one, OMNIGLOT.channels) for one in images]} for name, images in sets
    ]


def facts() -> dict[str, Any]:
    """All that the page's scripts know of tasks, models and limits.

    {"task": the one that the page opens with,
    "tasks": by task {"drawn", "unit", "side", "channels", "most": supports, "gaze": whether the way of the gaze over
    its one support is shown, "read": supports of an example}; of one whose supports are picture files also {"mirrors",
    "title", "upload", "or", "help": its words, "palette": [{"name", "colour"}, ...] that they can be painted with,
    "samples": [{"name", "photos": [pixels, ...]}, ...], "credits": [{"work", "artist", "licence"}, ...] of the
    photographs of each sample, in their order},
    "models": by name, in order, {"task", "title", "adapts": whether it takes inner steps, "needs_supports": whether it
    draws nothing without supports, "guides": whether it can be guided, "local": whether a browser can draw with it, see
    ``is_local``},
    "limits": the least and the most of "seed", "temperature" and "guidance",
    "pad": {"side": its coordinates, "stroke": the width of a stroke in them},
    "most_bytes": of a picture file,
    "formats": what pictures can be saved as, [{"key", "label", "in_colour": whether pictures in colour too, "several":
    whether it is of several}, ...]}
    """
    return {
        "task": OMNIGLOT.key,
        "tasks": {task.key: _facts_of_task(task) for task in tasks()},
        "models": _facts_of_models(),
        "limits": {
            "seed": (0, MAX_SEED),
            "temperature": (MIN_TEMPERATURE, MAX_TEMPERATURE),
            "guidance": (0, MAX_GUIDANCE),
        },
        "pad": {"side": omniglot.SIDE, "stroke": drawing.STROKE_WIDTH},
        "most_bytes": pictures.MAX_BYTES,
        "formats": [
            {"key": key, "label": found.label, "in_colour": found.in_colour, "several": found.several}
            for key, found in FORMATS.items()
        ],
    }


def _facts_of_task(task: Task) -> dict[str, Any]:
    of_all = pack_task(task) | {"read": task.shots}
    if task.drawn:
        return of_all
    return of_all | {
        "mirrors": task.mirrors,
        "title": task.title,
        "upload": f"Upload a {task.unit}" if task.most_shots == 1 else f"Upload {task.units}",
        "or": f"No {task.thing} at hand? Take one of these",
        "help": task.help,
        "palette": [{"name": name, "colour": colour} for name, colour in task.palette.items()],
        "credits": [credit._asdict() for credit in task.credits],
        "samples": [
            {"name": name, "photos": [pack_images(one, task.channels) for one in images]}
            for name, images in task.ready_made(task.side).items()
        ],
    }


def _facts_of_models() -> dict[str, dict[str, Any]]:
    """Of each shipped model that is not damaged; by its card, which is read sooner than its weights."""
    models = {}
    for name in [name for task in TASKS.values() for name in ordered(task)]:
        with suppress(CheckpointError):
            card = checkpoints.read_card(checkpoints.resolve(name))
            task, config = card.get("task", OMNIGLOT.key), ModelConfig(**card["config"])
            if variant := MODELS.get(config.model):
                models[name] = {
                    "task": task,
                    "title": variant.title,
                    "adapts": variant.adapts,
                    "needs_supports": variant.needs_supports,
                    "guides": guides(config, task),
                    "local": task in TASKS and is_local(TASKS[task], config),
                }
    return models
