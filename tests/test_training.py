"""Training: it learns, it resumes, and several processes do what one does."""

import copy
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save_file

import fewshot
from fewshot import checkpoints
from fewshot.data import omniglot
from fewshot.data.episodes import EpisodeSampler
from fewshot.evaluation import evaluate
from fewshot.models.inputs import to_tensor
from fewshot.training import tasks
from fewshot.training import train as training
from fewshot.training.average import AverageConfig, average
from fewshot.training.optimizer import WEIGHT_DECAY, Optimizer
from fewshot.training.train import TrainConfig, TrainingError, fast_bf16, mean_nll, train, train_step
from tests.conftest import VARIANTS, small_network
from tests.mutations import all_end_well, damaged, odd_array

BF16 = fast_bf16(torch.device("cpu"))


def config(packed_file, out, **changes) -> TrainConfig:
    settings = {"model": "pixelcnn", "steps": 4, "every": 2, "characters": 2, "targets": 1, "compile": False}
    settings["network"] = ("layers=3", "attend_after=[1]", "encoder_maps=16")  # what is tested depends on no size
    return TrainConfig(data=packed_file, out=out, **(settings | changes))


def same(out, whole) -> None:
    """Everything that the next step would depend on is the same: weights, their average, the optimizer's moments."""
    one, other = (load_file(folder / "omniglot-pixelcnn.state") for folder in (out, whole))
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=1e-9, rtol=1e-6, msg=name)


@pytest.mark.parametrize("model", VARIANTS)
def test_one_batch_is_learnt(model, packed_file):
    network = small_network(model, scale=0.1).to(memory_format=torch.channels_last)
    supports, targets = map(to_tensor, EpisodeSampler(omniglot.load(packed_file), 2, 1, 0, max_shots=3).batch(0))
    optimizer = Optimizer(network, BF16)
    losses = [train_step(network, optimizer, supports, targets, 1e-2, BF16).item() for _ in range(40)]
    assert sum(losses[-10:]) / 10 < 0.4 * losses[0]


def test_trains_where_there_are_too_few_supports_for_an_inner_step(packed_file, tmp_path):
    assert train(config(packed_file, tmp_path, model="attentive-meta", shots=1, steps=1, every=1)).exists()


@pytest.mark.parametrize("bf16", [False, True])
def test_muon_is_pytorchs(bf16):
    generator = torch.Generator().manual_seed(0)
    network = small_network("conditional", maps=16, encoder_maps=16).to(memory_format=torch.channels_last)
    twin = copy.deepcopy(network)
    optimizer = Optimizer(network, bf16)
    kernels = [p for group in optimizer.groups for p in group]
    assert len(kernels) > 10
    names = {id(p): name for name, p in network.named_parameters()}
    of_twin = dict(twin.named_parameters())
    matrices = [of_twin[names[id(p)]].detach().movedim(1, -1).reshape(len(p), -1).clone() for p in kernels]
    theirs = torch.optim.Muon(matrices, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw", lr=0.01)
    for _ in range(3):
        for p in network.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
            if p.ndim == 4:
                p.grad = p.grad.contiguous(memory_format=torch.channels_last)
        for p, matrix in zip(kernels, matrices, strict=True):
            matrix.grad = p.grad.movedim(1, -1).reshape(len(p), -1).clone()
        optimizer.step(0.01)
        theirs.step()
    for p, matrix in zip(kernels, matrices, strict=True):
        mine = p.detach().movedim(1, -1).reshape(len(p), -1)
        start = of_twin[names[id(p)]].detach().movedim(1, -1).reshape(len(p), -1)
        change = (matrix - start).norm()
        assert change > 0
        assert (mine - matrix).norm() < 0.03 * change, names[id(p)]  # theirs computes in bf16


def test_a_killed_run_goes_on_with_the_same_result(packed_file, tmp_path, monkeypatch):
    whole = config(packed_file, tmp_path / "whole")
    train(whole)

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

    # Between two steps after a save; during a look; before the first and the second state is in its place; before the
    # card is written.
    kills = ((training, "mean_nll", 4), (tasks, "evaluate", 2))
    kills += ((checkpoints.os, "replace", 1), (checkpoints.os, "replace", 2), (checkpoints, "save", 1))
    for module, name, on_call in kills:
        out = tmp_path / f"{name}{on_call}"
        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed_while(getattr(module, name), on_call))
            with pytest.raises(KilledError):
                train(config(packed_file, out))
        weights = train(config(packed_file, out))
        same(out, whole.out)
        log = [json.loads(line) for line in (out / "omniglot-pixelcnn.log").read_text().splitlines()]
        assert [line["step"] for line in log] == [2, 4]
        exported, expected = load_file(weights), load_file(whole.out / weights.name)
        assert all(torch.equal(exported[name], expected[name]) for name in expected)


def test_episodes_that_workers_make_ahead_are_the_same(packed_file, tmp_path, monkeypatch):
    """As for a GPU; also where a run goes on."""
    train(config(packed_file, tmp_path / "whole"))
    monkeypatch.setitem(training.WORKERS, "cpu", 2)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Run, "log", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config(packed_file, tmp_path / "ahead"))
    train(config(packed_file, tmp_path / "ahead"))
    same(tmp_path / "ahead", tmp_path / "whole")


def test_another_configuration_does_not_resume(packed_file, tmp_path):
    train(config(packed_file, tmp_path, steps=2))
    with pytest.raises(TrainingError, match="other arguments"):
        train(config(packed_file, tmp_path, steps=2, learning_rate=1e-4))
    state = tmp_path / "omniglot-pixelcnn.state"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="damaged"):
        train(config(packed_file, tmp_path, steps=2))
    save_file({}, state)
    with pytest.raises(TrainingError, match="does not say"):
        train(config(packed_file, tmp_path, steps=2))


def test_100_mutated_states_go_on_or_end_in_one_sentence(packed_file, tmp_path, monkeypatch):
    """Of a small network: what is accepted also does a step."""
    rng, small = np.random.default_rng(0), ("layers=4", "maps=4", "penultimate=4")
    settings = config(packed_file, tmp_path, steps=2, network=small)
    monkeypatch.setattr(training, "commit", lambda: "")
    drawings = omniglot.load(packed_file)
    monkeypatch.setattr(omniglot, "load", lambda _: drawings)
    run = training._Run(settings, 0, 1, torch.device("cpu"))
    run.train_step(run.network, *run.tensors(run.share[0]))
    run.step = 1
    run.save()
    state = run.state_file
    whole = state.read_bytes()
    tensors = load(whole)  # not from the file, which changes
    header = int.from_bytes(whole[:8], "little")
    with safe_open(state, "pt") as file:
        metadata = file.metadata()

    def go_on():
        run = training._Run(settings, 0, 1, torch.device("cpu"))
        run.train_step(run.network, *run.tensors(run.share[0]))

    def cases():
        for k in range(100):
            name = sorted(tensors)[rng.integers(len(tensors))]
            changed = tensors | {name: torch.from_numpy(odd_array(tensors[name].numpy(), rng))}
            match k % 4:
                case 0:
                    state.write_bytes(damaged(whole, rng))
                case 1:
                    state.write_bytes(damaged(whole, rng, within=header))
                case 2:
                    save_file(changed, state, metadata)
                case 3:
                    name = sorted(metadata)[rng.integers(len(metadata))]
                    odd = ("", "-1", "9" * 9, "nan", "inf", "1.5", "²", "0", None)[rng.integers(9)]
                    save_file(tensors, state, {k: v for k, v in (metadata | {name: odd}).items() if v is not None})
            yield go_on

    assert 0 < all_end_well(cases(), TrainingError) < 80


def test_nonsense_settings_give_a_sentence(packed_file, tmp_path):
    for name in ("steps", "every", "characters", "targets", "shots", "inner_steps"):
        with pytest.raises(TrainingError, match=f"--{name.replace('_', '-')} must be at least 1"):
            train(config(packed_file, tmp_path, **{name: 0}))
    with pytest.raises(TrainingError, match="--without is for omniglot, emoji, products"):
        train(config(packed_file, tmp_path, task="flip", without=0.1))
    for size in ("octaves=13", "layers=129", "maps=1024"):  # no checkpoint may be so large
        with pytest.raises(TrainingError, match=r"at most|more than"):
            train(config(packed_file, tmp_path, network=(size,)))


def test_a_run_can_start_from_the_weights_of_another(packed_file, tmp_path):
    weights = train(config(packed_file, tmp_path / "first", steps=2))
    meta = {"model": "meta", "steps": 1, "inner_steps": 2, "initial": weights, "snapshots": True}
    last = train(config(packed_file, tmp_path / "second", **meta))
    first, _ = checkpoints.load(weights)
    start, _ = checkpoints.load(tmp_path / "second" / "omniglot-meta-00000.safetensors")
    assert all(torch.equal(value, start.base.state_dict()[name]) for name, value in first.state_dict().items())
    network, card = checkpoints.load(last)
    assert card["steps"] == 3
    assert card["images"] == 6
    assert card["command"].count(" && ") == 1
    assert network.config.inner_steps == 2
    with pytest.raises(TrainingError, match="not of a model that 'pixelcnn' extends"):
        train(config(packed_file, tmp_path / "third", initial=last))


def test_the_mean_of_two_trainings(packed_file, tmp_path):
    one = train(config(packed_file, tmp_path / "one", model="attention"))
    other = train(config(packed_file, tmp_path / "other", model="attention", initial=one, seed=1))
    mean = average(AverageConfig((one, other), packed_file, tmp_path / "mean"))
    assert mean.name == "omniglot-attention.safetensors"
    ends, averaged = [load_file(path) for path in (one, other)], load_file(mean)
    for name, value in averaged.items():
        torch.testing.assert_close(value, (ends[0][name] + ends[1][name]) / 2)
    cards = {path: checkpoints.read_card(path) for path in (one, other, mean)}
    assert cards[mean]["images"] == cards[other]["images"] == 2 * cards[one]["images"]
    assert cards[mean]["command"].startswith(cards[other]["command"])
    scores = [card["validation_nats_per_dim"] for card in cards.values()]
    assert all(scores[2][shots] != scores[1][shots] for shots in scores[0])
    network, _ = checkpoints.load(mean)
    drawings = omniglot.load(packed_file).split("validation")
    measured = evaluate(network, drawings, (4,), 8, seed=0)["4"]["nats_per_dim"]
    assert scores[2]["4"] == pytest.approx(measured, abs=1e-5)

    with pytest.raises(TrainingError, match="two files"):
        average(AverageConfig((one,), packed_file, tmp_path))
    another = train(config(packed_file, tmp_path / "another"))
    with pytest.raises(TrainingError, match="same model and sizes"):
        average(AverageConfig((one, another), packed_file, tmp_path))
    train(config(packed_file, tmp_path / "kept", model="attention", snapshots=True))
    with pytest.raises(TrainingError, match="not a snapshot"):
        average(AverageConfig((one, tmp_path / "kept" / "omniglot-attention-00002.safetensors"), packed_file, tmp_path))


def command(config: TrainConfig, *launcher: str) -> list[str]:
    flags = {"data": config.data, "out": config.out, "model": config.model, "steps": config.steps}
    flags |= {"every": config.every, "characters": config.characters, "targets": config.targets}
    arguments = [text for name, value in flags.items() for text in (f"--{name}", str(value))]
    arguments += ["--network", *config.network, "--no-compile"]
    return [sys.executable, "-m", *launcher, "fewshot", "train", *arguments]


ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def test_the_command_survives_being_killed(packed_file, tmp_path):
    whole, killed = (config(packed_file, tmp_path / name, steps=20, every=1) for name in ("whole", "killed"))
    train(whole)
    process = subprocess.Popen(command(killed), env=ENVIRONMENT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    state, weights = (killed.out / f"omniglot-pixelcnn.{suffix}" for suffix in ("state", "safetensors"))
    for _ in range(12000):
        if state.exists():
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert state.exists()
    assert not weights.exists()
    subprocess.run(command(killed), env=ENVIRONMENT, check=True, capture_output=True)
    same(killed.out, whole.out)


@pytest.mark.parametrize("model", ["attention", "meta"])  # one without inner steps, and one with them
def test_two_processes_and_the_reference_do_what_one_does(model, packed_file, tmp_path):
    """After one step the first moments are parts of the clipped gradient, which tells more than the weights do."""
    settings = {"model": model, "steps": 1, "every": 1, "characters": 4}
    alone, together, other = (config(packed_file, tmp_path / name, **settings) for name in ("one", "two", "other"))
    train(alone)
    train(replace(other, seed=1))
    train(replace(alone, reference=True, compile=True, out=tmp_path / "reference"))
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    done = subprocess.run(command(together, *launcher), env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def gradient(out) -> torch.Tensor:
        state = load_file(out / f"omniglot-{model}.state")
        return torch.cat([v.flatten() for k, v in sorted(state.items()) if k.endswith("exp_avg") or "/muon/" in k])

    expected = gradient(alone.out)
    assert (gradient(together.out) - expected).norm() < 0.02 * expected.norm()  # bf16 inside
    assert (gradient(other.out) - expected).norm() > 0.2 * expected.norm()
    assert (gradient(tmp_path / "reference") - expected).norm() < 0.02 * expected.norm()
    card = json.loads((together.out / f"omniglot-{model}.json").read_text())
    assert card["command"].startswith("torchrun --nproc-per-node 2 -m fewshot train --data")


@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler for torch.compile")
def test_compiled_training_does_what_plain_training_does(packed_file):
    network = small_network("attention", scale=0.1, layers=2)
    compiled = torch.compile(network)
    episodes = EpisodeSampler(omniglot.load(packed_file), 2, 1, 0)
    for step in (0, 1):
        supports, targets = map(to_tensor, episodes.batch(step))
        torch._dynamo.maybe_mark_dynamic(supports, 1)
        gradients = []
        for model in (network, compiled):
            network.zero_grad()
            mean_nll(model, supports, targets, BF16).backward()
            gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
        assert (gradients[0] - gradients[1]).norm() < 0.02 * gradients[0].norm()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator than glibc's")
def test_memory_that_is_freed_is_kept():
    faults = {}
    for kept in (False, True):
        script = f"""
import resource, torch
from fewshot.memory import keep_freed
if {kept}: keep_freed()
for _ in range(32):  # until no block that was freed is a few bytes too short for the next one
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)  # 64 MB, as what attention keeps of a step
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
        run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        faults[kept] = int(run.stdout)
    # 16,384 pages, or, where the system gives large ones, 32.
    assert faults[False] >= 32
    assert faults[True] < 0.1 * faults[False]


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
