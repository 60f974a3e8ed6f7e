"""Tasks and variants have one registry each: what is there is offered, draws and is shown; nothing knows its name."""

import ast
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import fewshot
from fewshot import FewShotModel, checkpoints, payload
from fewshot.data.photos import read_photo
from fewshot.interface import catalogue
from fewshot.interface.service import SERVICE
from fewshot.models import MODELS, ConditionalPixelCNN
from fewshot.tasks import OMNIGLOT, TASKS, Task
from tests.conftest import small_network
from tests.test_layers import FILES, ROOT

PROGRAMS = [*FILES, ROOT / "app.py", *sorted((ROOT / "tools").glob("*.py"))]
REGISTRIES = {ROOT / "fewshot" / "tasks.py", ROOT / "fewshot" / "models" / "__init__.py"}
NAMES = {*TASKS, *MODELS}
METHODS = {"startswith", "endswith", "removeprefix", "removesuffix", "find", "index", "split", "partition"}


def names_in(node: ast.AST) -> set[str]:
    """The names of tasks and models that a string in a node is, or begins or ends with."""
    texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {
        name for text in texts for name in NAMES if text == name or text.startswith(f"{name}-") or text == f"-{name}"
    }


def decisions(tree: ast.AST) -> list[ast.AST]:
    """Whatever in the code compares: comparisons, patterns, and methods of text that look for a part of it."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.MatchValue)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS)
    ]


@pytest.mark.parametrize(
    "file", [*FILES, ROOT / "app.py", *(ROOT / "tools").glob("*.py")], ids=lambda file: str(file.relative_to(ROOT))
)
def test_no_module_decides_by_the_name_of_a_task_or_of_a_model(file: Path):
    if file in REGISTRIES:
        return
    for decision in decisions(ast.parse(file.read_text(encoding="utf-8"))):
        assert not names_in(decision), f"line {decision.lineno}: {ast.unparse(decision)}"


@pytest.mark.parametrize(
    "code",
    [
        'task == "mirror"',
        'model.kind in ("conditional", "meta")',
        'name.startswith("omniglot-")',
        'name.removesuffix("-attention")',
        'match task:\n    case "products":\n        pass',
    ],
)
def test_such_a_decision_would_be_found(code):
    assert any(names_in(decision) for decision in decisions(ast.parse(code)))


def test_the_entries_are_complete():
    for key, task in TASKS.items():
        assert key == task.key
        assert 1 <= task.shots <= task.most_shots
        sets = task.ready_made(task.side)
        shape = (task.side, task.side) if task.channels == 1 else (task.side, task.side, task.channels)
        assert sets
        for images in sets.values():
            assert images.shape[1:] == shape
            assert len(images) >= task.shots
        assert task.drawn or (task.title and task.help)
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in task.palette.values())
        assert not task.palette or "#ffffff" in task.palette.values()  # what erases
        assert not task.credits or all(len(images) == len(task.credits) for images in sets.values())
    for model in MODELS.values():
        assert model.title
        assert model.reads
        assert bool(model.note) is not model.attends


# One more of each, registered while the program runs ------------------------------------------------------------------


class TinyPixelCNN(ConditionalPixelCNN):
    """A sixth variant: it has influence, but no attention."""

    title = "Tiny PixelCNN"
    reads = "as little as it can of your {pictures}"
    note = "{title} has no attention."


def grey(data: bytes, side: int) -> np.ndarray:
    """A picture file in black and white."""
    return (read_photo(data, side).mean(axis=2) < 128).astype(np.uint8)


GREY = Task(
    key="grey",
    label="Grey",
    line="A picture in black and white.",
    thing="shape",
    unit="photograph",
    side=20,
    channels=1,
    shots=2,
    most_shots=3,
    protocol="",
    read_picture=grey,
    ready_made=lambda side: {"corner": np.tri(side, dtype=np.uint8)[None].repeat(2, axis=0)},
    title="Choose a shape",
    help="It is drawn again.",
)


def save(folder: Path, task: Task, model: str) -> str:
    """A small network's checkpoint: gives its name."""
    name = f"{task.key}-{model}"
    sizes = {"side": task.side, "channels": task.channels, "palette": tuple(task.palette.values())}
    network = small_network(model, scale=0.1, layers=2, **sizes)
    checkpoints.save(
        folder / f"{name}.safetensors", network.state_dict(), {"config": asdict(network.config), "task": task.key}
    )
    return name


@pytest.fixture
def more(monkeypatch, tmp_path):
    """The shipped checkpoints, a variant "tiny" and a task "grey"."""
    for file in checkpoints.SHIPPED.glob("*.*"):
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path)
    monkeypatch.setitem(MODELS, "tiny", TinyPixelCNN)
    monkeypatch.setitem(TASKS, "grey", GREY)
    return tmp_path


def test_a_sixth_variant_is_offered_draws_and_is_shown(more):
    name = save(more, OMNIGLOT, "tiny")
    assert catalogue.choices(OMNIGLOT)[-1] == ("Tiny PixelCNN\nReads as little as it can of your drawings.", name)
    pad = {"supports": [{"strokes": [[[20, 20], [85, 85]]]}], "shots": None}
    *_, chunk = SERVICE.draw(pad, None, name, 0.0, 1.0, 3, 1)
    assert chunk["kind"] == "tiny"
    assert chunk["can"] == {"read": True, "attend": False, "influence": True, "adapt": False}
    assert chunk["note"] == "Tiny PixelCNN has no attention."
    wish = {"model": name, "supports": chunk["supports"], "shots": 1, "inner_steps": None, "row": 9, "column": 9}
    image = payload.pack_images(np.eye(26, dtype=np.uint8), 1)
    assert SERVICE.influence(wish | {"image": image})["maps"]


def test_a_fifth_task_is_offered_draws_and_is_shown(more):
    name = save(more, GREY, "attention")
    assert catalogue.tasks()[-1] is GREY
    assert catalogue.choices(GREY) == [catalogue.choice(name)]
    assert "your photographs" in catalogue.choice(name)[0]
    facts = catalogue.facts()
    told = {"task": "grey", "title": "Attention PixelCNN", "adapts": False, "needs_supports": True}
    # No PixelCNN is beside it, and it draws photographs.
    assert facts["models"][name] == told | {"guides": False, "local": True}
    tray = facts["tasks"]["grey"]
    assert (tray["drawn"], tray["side"], tray["channels"], tray["read"], tray["most"]) == (False, 20, 1, 2, 3)
    assert tray["or"] == "No shape at hand? Take one of these"
    (ready_made,) = tray["samples"]
    given = [{"pixels": pixels} for pixels in ready_made["photos"]]
    beginning = given[0] | {"rows": 7}
    *_, chunk = SERVICE.draw(None, {"photos": given, "beginning": beginning}, name, 0.0, 1.0, 3, 1)
    assert (chunk["task"], chunk["height"], chunk["channels"]) == ("grey", 20, 1)
    assert (chunk["shots"], chunk["heads"], chunk["given"]) == (2, 4, 7)
    np.testing.assert_array_equal(payload.unpack_images(chunk["supports"], GREY, 20, 2), GREY.ready_made(20)["corner"])
    assert (
        "at most 3"
        in SERVICE.draw_along({"supports": given * 2, "shots": None, "model": name, "temperature": 1.0, "seed": 0})[
            "error"
        ]
    )


def test_the_page_is_built_with_both(more):
    studio = pytest.importorskip("fewshot.interface.studio")
    tiny, attention = save(more, OMNIGLOT, "tiny"), save(more, GREY, "attention")
    page = json.dumps(studio.build().get_config_file(), default=str)
    assert tiny in page
    assert "A picture in black and white." in page
    assert "It is drawn again." in page
    radio, slider = studio.begun("grey")
    assert slider.value == GREY.guidance
    assert radio.value == attention
    assert [name for _, name in radio.choices] == [attention]
    assert not list((ROOT / "fewshot").rglob("*.pyi"))  # Gradio's stubs


# What a chunk takes ---------------------------------------------------------------------------------------------------


def test_a_chunk_takes_no_network_and_any_sample(monkeypatch):
    model = fewshot.load("omniglot-meta")
    run = model.generate(next(iter(OMNIGLOT.ready_made(26).values()))[:2], samples=3, seed=1)

    def fail(*_: object) -> None:
        raise AssertionError("a network was run, or looked up")

    for name in ("encode", "decode", "adapted", "unadapted"):
        monkeypatch.setattr(model.network, name, fail)
    monkeypatch.setattr(checkpoints, "shipped", fail)
    monkeypatch.setattr(fewshot, "load", fail)
    for sample in range(3):
        arrays = payload.unpack(payload.pack(run, "id", sample=sample))
        np.testing.assert_array_equal(arrays["image"], run.images[sample].ravel())
        np.testing.assert_array_equal(arrays["probabilities"], run.probabilities[sample].ravel())
        np.testing.assert_array_equal(arrays["probabilities_before"], run.probabilities_before[sample].ravel())


def test_one_generation_looks_the_catalogue_up_once(monkeypatch):
    names, calls = checkpoints.shipped(), []
    monkeypatch.setattr(checkpoints, "shipped", lambda task=None: calls.append(task) or names)
    pad = {"supports": [{"strokes": [[[20, 20], [85, 85]]]}], "shots": None}
    chunks = list(SERVICE.draw(pad, None, "omniglot-meta", 0.0, 1.0, 0, 1))
    assert len(chunks) == 6
    assert len(calls) == 1


def test_an_unknown_task_is_named():
    with pytest.raises(fewshot.CheckpointError, match="unknown task, 'x'"):
        FewShotModel(small_network("conditional"), {"task": "x"}, "x-conditional")
