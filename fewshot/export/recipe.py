"""What a run is, in words, and whether it can be taken home."""

import numpy as np

from fewshot.api import InputError, Run


def recipe(run: Run, sample: int = 0) -> str:
    """In words: all that is needed to draw a sample again."""
    facts = run.facts
    said = [facts.title]
    if facts.needs_supports:
        said.append(f"{len(run.supports)} {facts.task.unit if len(run.supports) == 1 else facts.task.units}")
    if run.given:
        said.append(f"{run.given} rows given")
    if run.inner_steps is not None:
        said.append(f"{run.inner_steps} practice {'step' if run.inner_steps == 1 else 'steps'}")
    if run.guidance or run.cut:
        guided, cut = f"faithfulness {run.guidance:g}", f"chances below {run.cut:g} cut"
        how = [guided] * (run.guidance > 0) + [cut] * (run.cut > 0)
        said.append(f"{', '.join(how)} (no sample of the model)")
    said += [f"temperature {run.temperature:g}", f"chance number {run.seed + sample}"]
    return " · ".join(said)


def check(run: Run, sample: int) -> None:
    """Raises InputError unless a run has that sample, and it is finished."""
    number, height = run.images.shape[:2]
    if not isinstance(sample, int | np.integer) or not 0 <= sample < number:
        raise InputError(f"There is no sample {sample}: this run has {number}, counted from 0.")
    if run.rows < height:
        raise InputError(f"The picture is not finished: {run.rows} of its {height} rows are drawn.")
