"""The lessons: that all they name is there, in every language, and that what they say is true of the shipped models."""

import json
import re

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import fewshot
from fewshot import checkpoints
from fewshot.export import web
from fewshot.interface import lessons
from fewshot.interface.controls import SLIDERS
from fewshot.tasks import OMNIGLOT, TASKS

STEPS = [
    pytest.param(step, id=f"{n}.{i}")
    for n, lesson in enumerate(lessons.read("en")["lessons"], 1)
    for i, step in enumerate(lesson["steps"], 1)
]
FIELDS = {"task", "model", "set", "drawings", "shots", "guidance", "temperature", "seed", "inner_steps"} | {
    "fresh",
    "position",
    "lock",
    "speed",
    "view",
    "gaze",
    "guess",
}
NAMES = {"position": "POSITIONS", "lock": "PIXELS"}  # fields, and where moments.js has their names


def names_in(module: str, table: str) -> set[str]:
    """The keys of an object in a script."""
    (body,) = re.findall(rf"export const {table} = \{{(.*?)\n\}};", web.read(module), re.DOTALL)
    return {quoted or plain for quoted, plain in re.findall(r'^  (?:"([^"]+)"|(\w+)):', body, re.MULTILINE)}


def test_there_are_six_of_about_ten_minutes():
    found = lessons.read("en")["lessons"]
    assert len(found) == 6
    assert all(5 <= len(lesson["steps"]) <= 8 for lesson in found)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_names_only_what_there_is(step):
    state = step["state"]
    assert state.keys() <= FIELDS
    assert step["text"]
    assert step["question"]
    assert step["answer"]
    assert step["show"]
    assert set(step["show"]) <= names_in("places.js", "PLACES")
    for field, table in NAMES.items():
        assert field not in state or state[field] in names_in("moments.js", table)
    assert f"{state['task']}-{state['model']}" in checkpoints.shipped(state["task"])
    task = TASKS[state["task"]]
    sets = task.ready_made(task.side)
    assert set(np.atleast_1d(state["set"])) <= sets.keys()
    if task.drawn:
        assert all(state[count] is None or 1 <= state[count] <= task.most_shots for count in ("drawings", "shots"))
    for name, slider in SLIDERS.items():
        assert slider.least <= state[name] <= slider.most
    assert state.get("view", "ink") in ("ink", "chance")
    assert state.get("guess", "pixel") in ("pixel", "row", "picture")


@pytest.mark.parametrize("language", lessons.languages())
def test_every_language_says_all_of_it(language):
    """The same lessons, steps and words, none of them in English but the English ones."""
    english, said = lessons.read("en"), lessons.read(language)
    assert said["language"] == language
    assert said["words"].keys() == english["words"].keys()
    for name, text in english["words"].items():
        assert set(re.findall(r"\{\w+\}", said["words"][name])) == set(re.findall(r"\{\w+\}", text)), name
    for one, other in zip(said["lessons"], english["lessons"], strict=True):
        assert one["title"]
        assert one["about"]
        for step, original in zip(one["steps"], other["steps"], strict=True):
            assert step["state"] == original["state"]
            assert all(step[name] for name in lessons.TEXTS)
            assert language == "en" or all(step[name] != original[name] for name in lessons.TEXTS)


@pytest.mark.parametrize(
    ("asked", "language"),
    [("de", "de"), ("de-AT,de;q=.9", "de"), ("fr,de;q=.5", "de"), ("fr", "en"), ("../..", "en"), ("", "en")],
)
def test_the_page_gets_them_in_its_readers_language(asked, language):
    client = TestClient(Starlette(routes=[lessons.ROUTE]))
    by_address = client.get("/studio-lessons", params={"lang": asked}, headers={"Accept-Language": "en"})
    by_browser = client.get("/studio-lessons", headers={"Accept-Language": asked})
    assert by_address.json() == json.loads(json.dumps(lessons.read(language)))
    assert by_browser.json()["language"] == language


# What they say, for the states of their steps -----------------------------------------------------------------------


def drawn(number: int, step: int, **other):
    """The run of a lesson's step, or one that differs from it."""
    state = lessons.read("en")["lessons"][number - 1]["steps"][step - 1]["state"] | other
    model = fewshot.load(f"{state['task']}-{state['model']}")
    task = TASKS[state["task"]]
    supports = task.ready_made(task.side)[state["set"]][: state["drawings"]][: state["shots"]]
    options = {"temperature": state["temperature"], "samples": other.get("samples", 1), "seed": state["seed"]}
    if state["guidance"]:
        options |= {"guidance": state["guidance"], "cut": OMNIGLOT.cut}
    if model.adapts:
        options["inner_steps"] = state["inner_steps"]
    return model.generate(supports, **options)


def test_empty_paper_has_a_small_chance_of_ink_and_edges_are_unsure():
    run = drawn(1, 2)
    image, chance = run.images[0], run.probabilities[0]
    first = np.flatnonzero(image)[0]
    before = chance.ravel()[:first]
    assert (before > 0).all()
    assert np.median(before) < 0.01
    sureness = np.abs(chance - 0.5)[1:, 1:]
    edge = (image[1:, 1:] != image[:-1, 1:]) | (image[1:, 1:] != image[1:, :-1])
    assert sureness[edge].mean() < sureness[~edge].mean() - 0.1


def test_another_chance_number_draws_another_picture_and_the_same_one_the_same():
    assert (drawn(1, 1).images != drawn(1, 5).images).any()
    assert (drawn(1, 5).images == drawn(1, 5).images).all()


def test_one_summary_does_not_care_about_the_order():
    model = fewshot.load("omniglot-conditional")
    supports = OMNIGLOT.ready_made(OMNIGLOT.side)["Loop and dot"][:4]
    one, other = (model.generate(each, seed=3).images for each in (supports, supports[[2, 0, 3, 1]]))
    assert (one == other).all()


def test_each_practice_step_helps_less_than_the_one_before():
    gains = -np.diff(drawn(4, 3).support_nats)
    assert len(gains) == 3
    assert (gains > 0).all()
    assert (np.diff(gains) < 0).all()
    one = drawn(4, 4).support_nats
    assert one[-1] < 0.5 * one[0]
    both, only = drawn(4, 6).support_nats, drawn(4, 2).support_nats
    assert both[0] - both[-1] < only[0] - only[-1]


def test_faithfulness_costs_variety():
    learnt, faithful = drawn(5, 1, samples=32), drawn(5, 4, samples=32, guidance=2)  # as its question asks
    assert faithful.images.std(axis=0).mean() < learnt.images.std(axis=0).mean()


def test_one_gaze_looks_away_on_the_empty_paper_before_the_drawing_and_another_hardly_ever():
    """Shares that fell on no drawing, of the gazes that lesson 3 names."""
    (weights,) = drawn(3, 4).attention  # [pixels, heads, drawings, rows, columns]
    away = 1 - weights.reshape(26, 26, weights.shape[1], -1).sum(-1)
    named = lessons.read("en")["lessons"][2]["steps"][3]["state"]["gaze"] - 1
    assert away[:4, 1:9, named].mean() > 0.2
    assert away[-4:, :, named].mean() < 0.05
    assert away[..., 0].max() < 0.05


def test_a_drawing_is_turned_around_by_looking_to_the_mirrored_place():
    looked = drawn(3, 5)
    (support,) = looked.supports
    assert (looked.images[0] == support[:, ::-1]).all()
    (weights,) = looked.attention.mean(axis=2)  # [pixels, drawings, rows, columns]
    columns = weights[13 * 26 : 13 * 26 + 14].reshape(14, 26, 26).max(axis=1).argmax(axis=1)
    assert (np.diff(columns[3:]) < 0).all()  # to the left, from where the first pixels are
    assert abs(columns[-1] - 12) <= 1


def test_low_temperature_leaves_out_strokes():
    usual, low = (drawn(5, step, samples=12).images.mean() for step in (1, 2))
    assert low < usual


def test_where_a_class_is_to_draw_several_generate_takes_another_chance_number_each_time():
    for lesson in lessons.read("en")["lessons"]:
        for step in lesson["steps"]:
            said = step["text"] + step["question"]
            assert step["state"].get("fresh", False) == bool(re.search("(six|few) times|Generate some", said)), said


def test_one_practice_step_turns_a_drawing_and_two_do_not():
    wrong = {}
    for steps in (0, 1, 2):
        run = drawn(4, 7, inner_steps=steps)
        wrong[steps] = int((run.images[0] != run.supports[0][:, ::-1]).sum())
    assert wrong[1] <= 4
    assert min(wrong[0], wrong[2]) > 50
    before, after = drawn(4, 7).support_nats
    assert after > 1.5 * before
