"""What the page offers: its tasks, their models, and ready-made sets to try them with."""

from contextlib import suppress
from typing import Any

import fewshot
from fewshot import CheckpointError, FewShotModel, InputError, checkpoints
from fewshot.data.pictures import MAX_BYTES
from fewshot.interface.payload import pack_images
from fewshot.models import MODELS, ModelConfig
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


def facts(task: Task) -> dict[str, Any]:
    """What the page's pad or tray must know of a task, from ``fewshot.tasks.Task``; "most_bytes" of a picture file."""
    return {
        "task": task.key,
        "side": task.side,
        "channels": task.channels,
        "thing": task.thing,
        "unit": task.unit,
        "shots": task.shots,
        "most": task.most_shots,
        "repeats": task.repeats,
        "mirrors": task.mirrors,
        "prompt": task.prompt,
        "help": task.help,
        "most_bytes": MAX_BYTES,
    }


def trays() -> dict[str, dict[str, Any]]:
    """By task whose supports are picture files: its ``facts``, and "samples": [{"name", "photos": [pixels, ...]}]."""
    return {
        task.key: facts(task)
        | {
            "samples": [
                {"name": name, "photos": [pack_images(one, task.channels) for one in images]}
                for name, images in task.ready_made(task.side).items()
            ],
        }
        for task in tasks()
        if not task.drawn
    }
