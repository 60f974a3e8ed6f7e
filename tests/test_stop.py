"""What Ctrl-C, a kill or a full disk leaves of a command's files: each as it was, or all of the new one."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

from fewshot import commands as cli
from fewshot.training.train import TrainConfig, train

SMALL = ("layers=4", "maps=8", "penultimate=8")
NAME = "omniglot-pixelcnn"
LIMIT = 5000  # bytes of a file on a disk that is nearly full: a trial is written, and no result


def command(arguments: list[str], log: Path, stop: int | None, limit: int | None) -> None:
    """The command line in this process. ``stop``: a signal that comes when the first file is to take its place."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background commands ignore it
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if stop is not None:
        os.replace = lambda *_: os.kill(os.getpid(), stop)
    sys.argv = ["fewshot", *arguments]
    cli.main()


@pytest.fixture(scope="module")
def start():
    """Starts commands in processes of their own, which need not import what the first of them did."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([cli.__name__])

    def start(arguments: tuple[object, ...], log: Path, stop: int | None = None, limit: int | None = None):
        process = processes.Process(target=command, args=([*map(str, arguments)], log, stop, limit))
        process.start()
        return process

    return start


@pytest.fixture(scope="module")
def weights(packed_file, tmp_path_factory) -> Path:
    """Those of a small network after a step."""
    out = tmp_path_factory.mktemp("weights")
    options = {"steps": 1, "characters": 1, "targets": 1, "compile": False, "network": SMALL}
    return train(TrainConfig(packed_file, model="pixelcnn", out=out, **options))


@pytest.fixture(params=["train", "average", "evaluate", "generate"])
def asked(request, packed_file, weights, tmp_path) -> SimpleNamespace:
    """A command: its arguments, and the files that it makes, one of which is there already."""
    out, on = tmp_path / "out", ("--data", packed_file)
    small = ("--model", "pixelcnn", "--characters", 1, "--targets", 1, "--no-compile", "--network", *SMALL)
    arguments, files = {
        "train": (
            ("train", *on, "--out", out, "--steps", 1, "--every", 1, *small),
            [f"{NAME}.safetensors", f"{NAME}.json", f"{NAME}.state", f"{NAME}.log"],
        ),
        "average": (
            ("average", *on, "--weights", weights, weights, "--out", out),
            [f"{NAME}.safetensors", f"{NAME}.json"],
        ),
        "evaluate": (
            ("evaluate", *on, "--checkpoint", weights, "--shots", 1, "--targets", 1, "--out", out / "scores.json"),
            ["scores.json"],
        ),
        "generate": (
            ("generate", "--checkpoint", weights, "--out", out, "--formats", "html"),
            [f"{NAME}-temperature-1-seed-0.html"],
        ),
    }[request.param]
    out.mkdir()
    (out / files[0]).write_text("old")
    return SimpleNamespace(arguments=arguments, out=out, files=set(files), old=out / files[0], log=tmp_path / "said")


def end_of(process: multiprocessing.Process) -> int | None:
    process.join(240)
    return process.exitcode


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_what_is_stopped_at_the_last_moment_leaves_the_old_and_can_be_done_again(stop, asked, start):
    ended = end_of(start(asked.arguments, asked.log, stop=stop))
    assert asked.old.read_text() == "old"
    if stop == signal.SIGINT:
        assert (ended, asked.log.read_text().splitlines()[-1]) == (130, "Stopped.")
        assert "Traceback" not in asked.log.read_text()
        assert names(asked.out) == {asked.old.name}
    else:
        assert ended == -signal.SIGKILL
        assert {name.removesuffix(".partial") for name in names(asked.out)} <= asked.files
    assert end_of(start(asked.arguments, asked.log)) == 0, asked.log.read_text()
    assert names(asked.out) == asked.files
    assert asked.old.stat().st_size > 100


def test_a_full_disk_is_one_sentence_and_leaves_the_old(asked, start):
    arguments = asked.arguments
    if "evaluate" in arguments:
        asked.old.unlink()
        asked.old.symlink_to("/dev/full")  # what it writes is short
    assert end_of(start(arguments, asked.log, limit=LIMIT)) == 1
    said = asked.log.read_text()
    assert "Traceback" not in said
    assert "large" in said.splitlines()[-1] or "No space left" in said.splitlines()[-1]
    assert names(asked.out) == {asked.old.name}
    assert asked.old.is_symlink() or asked.old.read_text() == "old"


def test_a_training_that_is_interrupted_goes_on_later(start, packed_file, tmp_path):
    arguments = ("train", "--data", packed_file, "--out", tmp_path, "--characters", 1, "--every", 1, "--no-compile")
    arguments += ("--model", "pixelcnn", "--network", *SMALL)
    process, state = start(arguments, tmp_path / "said"), tmp_path / f"{NAME}.state"
    deadline = time.monotonic() + 240
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    assert end_of(process) == 130
    with safe_open(state, "pt") as tensors:
        step = int(tensors.metadata()["step"])
    assert step >= 1
    before = state.read_bytes()
    assert end_of(start(arguments, tmp_path / "said", limit=LIMIT)) == 1  # now the disk is full
    assert state.read_bytes() == before


def test_ctrl_c_while_the_libraries_are_loaded_is_one_word(tmp_path):
    """The process is stopped when the first of them is looked for, as slow as that may be."""
    (tmp_path / "numpy.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n")
    ended = subprocess.run(
        [sys.executable, "-m", "fewshot", "bench"],
        cwd=Path(cli.__file__).parents[1],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "Stopped.\n")
