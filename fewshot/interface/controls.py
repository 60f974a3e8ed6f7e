"""The settings of a picture as the page offers them, for whoever makes the page of them."""

from dataclasses import asdict, dataclass
from typing import Any

from fewshot.interface.service import MOST_INNER_STEPS
from fewshot.tasks import OMNIGLOT, TASKS


@dataclass(frozen=True)
class Slider:
    """A number that is chosen between two others; ``info`` says in words what these mean."""

    label: str
    least: float
    most: float
    value: float
    step: float
    info: str | None = None


SLIDERS = {
    "guidance": Slider("Faithfulness", 0, 2, OMNIGLOT.guidance, 0.05, "0: as learnt · high: like yours"),
    # Below its range, temperatures leave out strokes: the first pixel of one never has the larger chance.
    "temperature": Slider("Temperature", 0.8, 1.3, 1, 0.05, "1: as learnt · high: wild"),
    "inner_steps": Slider("Practice steps before drawing", 0, MOST_INNER_STEPS, 1, 1),
}
SEED, FRESH = "Chance number", "a new one for each drawing"


def facts() -> dict[str, Any]:
    """The same for the page's scripts.

    {"sliders": by the setting that each changes, "guidance": that a task begins with, by task, "seed", "fresh": labels}
    """
    return {
        "sliders": {name: asdict(each) for name, each in SLIDERS.items()},
        "guidance": {key: task.guidance for key, task in TASKS.items()},
        "seed": SEED,
        "fresh": FRESH,
    }
