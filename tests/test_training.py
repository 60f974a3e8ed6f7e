"""Training: it learns, it resumes, and several processes do what one does."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

import fewshot
from fewshot import checkpoints
from fewshot.data import omniglot
from fewshot.data.episodes import EpisodeSampler
from fewshot.evaluation import to_tensor
from fewshot.training import train as training
from fewshot.training.train import TrainConfig, nats_per_dim, train
from tests.conftest import VARIANTS, small_network


def config(packed_file, out, **changes) -> TrainConfig:
    settings = {"model": "pixelcnn", "steps": 4, "every": 2, "characters": 2, "targets": 1, "compile": False}
    return TrainConfig(data=packed_file, out=out, **(settings | changes))


def same(one, other) -> None:
    one, other = load_file(one), load_file(other)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize("model", VARIANTS)
def test_one_batch_is_learnt(model, packed_file):
    network = small_network(model, scale=0.1)
    supports, targets = map(to_tensor, EpisodeSampler(omniglot.load(packed_file), 2, 1, 0).batch(0))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = nats_per_dim(network, supports, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


def test_a_killed_run_goes_on_with_the_same_result(packed_file, tmp_path, monkeypatch):
    whole = train(config(packed_file, tmp_path / "whole"))

    class KilledError(Exception):
        pass

    def killed_while(function, on_call):
        calls = 0

        def wrapper(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == on_call:
                raise KilledError
            return function(*args, **kwargs)

        return wrapper

    # Between two steps after a save, in the middle of writing a state, and before the card is written.
    for name, module, on_call in (
        ("nats_per_dim", training, 4),
        ("replace", checkpoints.os, 1),
        ("save", checkpoints, 1),
    ):
        out = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed_while(getattr(module, name), on_call))
            with pytest.raises(KilledError):
                train(config(packed_file, out))
        same(train(config(packed_file, out)), whole)


def test_another_configuration_does_not_resume(packed_file, tmp_path):
    train(config(packed_file, tmp_path, steps=2))
    with pytest.raises(ValueError, match="other arguments"):
        train(config(packed_file, tmp_path, steps=2, learning_rate=1e-4))


def command(config: TrainConfig, *launcher: str) -> list[str]:
    flags = {"data": config.data, "out": config.out, "model": config.model, "steps": config.steps}
    flags |= {"every": config.every, "characters": config.characters, "targets": config.targets}
    arguments = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", *launcher, "fewshot", "train", *arguments, "--no-compile"]


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def test_the_command_survives_sigkill(packed_file, tmp_path):
    whole = train(config(packed_file, tmp_path / "whole", steps=6, every=1))
    killed = config(packed_file, tmp_path / "killed", steps=6, every=1)
    process = subprocess.Popen(command(killed), env=ENVIRONMENT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    state = killed.out / "omniglot-pixelcnn.state"
    for _ in range(600):
        if state.exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state.exists()
    assert not (killed.out / "omniglot-pixelcnn.safetensors").exists()
    subprocess.run(command(killed), env=ENVIRONMENT, check=True, capture_output=True)
    same(killed.out / "omniglot-pixelcnn.safetensors", whole)


@pytest.mark.parametrize("model", VARIANTS)
def test_two_processes_do_what_one_does(model, packed_file, tmp_path):
    alone = train(config(packed_file, tmp_path / "alone", model=model, steps=3))
    together = config(packed_file, tmp_path / "together", model=model, steps=3)
    launcher = ("torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29511", "-m")
    done = subprocess.run(command(together, *launcher), env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, two = load_file(alone), load_file(together.out / alone.name)
    for name in one:  # bf16 inside, and Adam's first steps turn rounding into signs: a thousandth is what is left
        torch.testing.assert_close(one[name], two[name], atol=3e-3, rtol=0, msg=name)
    card = json.loads((together.out / alone.with_suffix(".json").name).read_text())
    assert card["command"].startswith("torchrun --nproc-per-node 2 -m fewshot train --data")


def test_without_a_compiler_training_goes_on_and_says_so(packed_file, tmp_path, monkeypatch, capsys):
    def broken(network):
        def call(*_):
            raise RuntimeError("no C++ compiler")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    train(config(packed_file, tmp_path, steps=2, compile=True))
    assert "going on without it (no C++ compiler)" in capsys.readouterr().err


def test_a_trained_checkpoint_loads_and_its_card_is_complete(packed_file, tmp_path):
    path = train(config(packed_file, tmp_path))
    model = fewshot.load(path)
    assert model.name == "omniglot-pixelcnn"
    assert model.generate([], samples=2).images.shape == (2, 26, 26)
    card = model.card
    assert card["steps"] == 4
    assert card["images"] == 8
    assert set(card["validation_nats_per_dim"]) == {"1", "2", "4", "8"}
    assert {"config", "task", "protocol", "data", "minutes", "command", "commit"} <= card.keys()
    log = [json.loads(line) for line in (tmp_path / "omniglot-pixelcnn.log").read_text().splitlines()]
    assert [line["step"] for line in log] == [2, 4]
