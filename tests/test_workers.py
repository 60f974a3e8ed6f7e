"""Pictures that worker processes draw, and whose turn it is."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

from fewshot import InputError, payload
from fewshot.interface import catalogue, workers
from fewshot.interface.service import MOST_UNDER_WAY, PLACES, PLACES_OF_ONE, Service
from fewshot.interface.together import Together
from fewshot.interface.turns import Turns
from fewshot.interface.workers import Asker, LostError, Workers

CROSS = {"strokes": [[[20, 20], [85, 85]], [[85, 20], [20, 85]]]}
ATTENTION = "omniglot-attention"
DRAWING = ({"supports": [CROSS], "shots": None}, None, ATTENTION, 0.0, 1.0, 7, 1)
ALONG = {"supports": [CROSS], "shots": None, "model": ATTENTION, "temperature": 1.0, "seed": 7, "page": "a"}


@pytest.fixture(scope="module")
def here():
    """A service that draws in this process."""
    return Service()


@pytest.fixture(scope="module")
def service():
    """A service with two workers."""
    one = Service()
    one.workers = Workers(2)
    yield one
    one.workers.close()


def pictures(chunks):
    """Chunks without their run's name, of which there is one."""
    chunks = list(chunks)
    assert len({chunk["id"] for chunk in chunks}) == 1
    return [chunk | {"id": None} for chunk in chunks]


def wait_until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_workers_draw_what_this_process_draws(here, service):
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: pictures(service.draw(*DRAWING)), range(4)))
    assert drawn == [pictures(here.draw(*DRAWING))] * 4
    assert service.draw_along(ALONG)["pixels"] == here.draw_along(ALONG)["pixels"]


def test_workers_refuse_in_a_sentence(service):
    with pytest.raises(InputError, match="at least one drawing"):
        list(service.draw({"supports": [], "shots": None}, *DRAWING[1:]))
    assert "at most 8" in service.draw_along(ALONG | {"supports": [CROSS] * 9})["error"]


def test_a_picture_whose_worker_is_killed_is_drawn_again(here, service):
    before, chunks = service.workers.pids, service.draw(*DRAWING)
    drawn = [next(chunks)]
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    drawn += chunks
    assert pictures(drawn) == pictures(here.draw(*DRAWING))
    wait_until(lambda: not set(before) & set(service.workers.pids))
    assert pictures(service.draw(*DRAWING)) == pictures(drawn)


def test_a_picture_that_kills_its_workers_ends_with_a_sentence(service, monkeypatch):
    monkeypatch.setattr(workers, "TRIES", 1)
    before, chunks = service.workers.pids, service.draw(*DRAWING)
    next(chunks)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(LostError, match="could not be drawn"):
        list(chunks)


def test_what_is_asked_of_a_closed_studio_ends_with_a_sentence():
    closed = Service()
    closed.workers = Workers(1)
    closed.workers.close()
    assert "was closed" in closed.draw_along(ALONG)["error"]


@pytest.mark.parametrize("where", ["here", "service"])
def test_what_nobody_waits_for_is_not_drawn(where, request):
    asked = request.getfixturevalue(where)
    waiting = [True]
    chunks = asked.draw(*DRAWING, Asker("somebody", lambda: waiting[0]))
    assert next(chunks)["rows"] == 1
    waiting.clear()
    waiting.append(False)
    assert all(chunk["rows"] < 26 for chunk in chunks)
    left = asked.draw(*DRAWING)
    next(left)
    left.close()
    assert asked.workers is None or not any(worker.asked for worker in asked.workers._workers)
    assert pictures(asked.draw(*DRAWING))[-1]["rows"] == 26


def test_the_newest_of_what_a_page_draws_along_is_drawn():
    service = Service()
    with ThreadPoolExecutor(3) as threads:
        with service.turns.at(0):
            older = threads.submit(service.draw_along, ALONG)
            wait_until(lambda: len(service.turns._waiting) == 1)
            newer = threads.submit(service.draw_along, ALONG | {"seed": 8})
            others = threads.submit(service.draw_along, ALONG | {"page": "b"})
            wait_until(lambda: len(service.together._waiting) == 2)
        assert older.result(60) == {"busy": True}
        assert newer.result(60)["seed"] == 8
        assert others.result(60)["seed"] == 7
    assert not service._newest
    assert service.along._value == PLACES


def test_what_many_draw_along_is_drawn_at_once_as_each_alone(monkeypatch):
    """But for another temperature, or a given beginning."""
    service, model, numbers = Service(), catalogue.find(ATTENTION), []
    stream_each = model.stream_each
    monkeypatch.setattr(model, "stream_each", lambda recipes: numbers.append(len(recipes)) or stream_each(recipes))
    wishes = [ALONG | {"page": str(i), "seed": i, "supports": [CROSS] * (1 + i)} for i in range(4)]
    wishes += [ALONG | {"page": "warm", "temperature": 0.9, "guidance": 1.0}]
    alone = [service.draw_along(wish) for wish in wishes]
    assert numbers == [1] * 5
    with ThreadPoolExecutor(5) as threads:
        with service.turns.at(0):
            drawn = [threads.submit(service.draw_along, wishes[0])]
            wait_until(lambda: len(service.turns._waiting) == 1)
            drawn += [threads.submit(service.draw_along, wish) for wish in wishes[1:]]
            wait_until(lambda: len(service.together._waiting) == 4)
        drawn = [one.result(60) for one in drawn]
    assert sorted(numbers[5:]) == [1, 1, 3]
    for one, other in zip(drawn, alone, strict=True):
        assert [one[key] for key in ("pixels", "seed", "supports")] == [
            other[key] for key in ("pixels", "seed", "supports")
        ]
        arrays, expected = payload.unpack(one), payload.unpack(other)
        np.testing.assert_allclose(arrays["attention"], expected["attention"], atol=1.01)


def test_calls_that_wait_are_computed_together():
    together, computed, first, go_on = Together(3), [], Event(), Event()

    def compute(numbers):
        computed.append(sorted(numbers))
        if 0 in numbers:
            first.set()
            go_on.wait(60)
        if 13 in numbers:
            raise ValueError("no such floor")
        return [2 * number for number in numbers]

    with ThreadPoolExecutor(9) as threads:
        calls = {0: threads.submit(together, "even", 0, compute)}
        first.wait(60)
        for count, number in enumerate((2, 4, 11, 13, 6, 8), 1):
            calls[number] = threads.submit(together, "even" if number % 2 == 0 else "odd", number, compute)
            wait_until(lambda count=count: len(together._waiting) == count)
        go_on.set()
        for number in (0, 2, 4, 6, 8):
            assert calls[number].result(60) == 2 * number
        for number in (11, 13):
            with pytest.raises(ValueError, match="no such floor"):
                calls[number].result(60)
    assert computed == [[0], [2, 4, 6], [11, 13], [8]]
    assert not together._waiting


def test_of_two_drawings_along_the_newer_may_end_first():
    service = Service()
    with ThreadPoolExecutor(2) as threads:
        with service.turns.at(0):
            older = threads.submit(service.draw_along, ALONG)
            wait_until(lambda: len(service.turns._waiting) == 1)
            assert "error" in service.draw_along(ALONG | {"temperature": 0})
        older.result(60)
    assert service.along._value == PLACES


def test_turns_go_round_between_clients():
    turns, order = Turns(), []

    def wait(client, rank):
        with turns.at(rank, client):
            order.append((client, rank))

    asked = [("many", rank) for rank in (2, 1, 3, 4)] + [("one", 9), ("two", 5), ("two", 6)]
    with ThreadPoolExecutor(len(asked)) as threads, turns.at(0, "many"):
        for client, rank in asked:
            threads.submit(wait, client, rank)
        wait_until(lambda: len(turns._waiting) == len(asked))
    assert order == [("one", 9), ("two", 5), ("many", 1), ("two", 6), ("many", 2), ("many", 3), ("many", 4)]


def test_nobody_has_too_many_pictures_drawn_at_once(here):
    held = [here.place(Asker("many")) for _ in range(PLACES_OF_ONE)]
    for place in held:
        place.__enter__()
    with pytest.raises(InputError, match="wait for one of them"):
        next(here.draw(*DRAWING, Asker("many")))
    assert next(here.draw(*DRAWING, Asker("other")))["rows"] == 1
    held += [here.place(Asker(str(one))) for one in range(MOST_UNDER_WAY - PLACES_OF_ONE)]
    for place in held[PLACES_OF_ONE:]:
        place.__enter__()
    with pytest.raises(InputError, match="try again in a moment"):
        next(here.draw(*DRAWING, Asker("other")))
    for place in held:
        place.__exit__(None, None, None)
    assert next(here.draw(*DRAWING, Asker("many")))["rows"] == 1
