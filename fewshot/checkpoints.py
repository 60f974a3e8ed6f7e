"""Checkpoints: weights as safetensors beside a small JSON card. Nothing is ever unpickled."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fewshot.files import to_json, whole
from fewshot.models import ModelConfig, Network, build
from fewshot.models.classifier import Classifier

SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
JUDGE = "judge"  # the folder below, for classifiers: they draw nothing
# What a card may ask for: it may be anybody's.
MAX_CARD = 1_000_000  # bytes
MAX_PARAMETERS = 50_000_000
MOST = {
    "layers": 128,
    "dilation_cycle": 5,
    "octaves": 12,
    "side": 64,
    "vector": 1024,
    "inner_steps": 10,
}  # 64 pixels are what the page shows
FLOATS = ("F64", "F32", "F16", "BF16")


class CheckpointError(ValueError):
    """A checkpoint is unknown or damaged; the message is one sentence for the user."""


def shipped(task: str | None = None) -> list[str]:
    """The names in ``checkpoints/``, "<task>-<model>", of one task or of all."""
    return sorted(path.stem for path in SHIPPED.glob(f"{task or '*'}-*.safetensors"))


def is_shipped(name: str) -> bool:
    """Whether ``checkpoints/`` has weights of a name."""
    return (SHIPPED / f"{name}.safetensors").is_file()


def resolve(name: str | Path) -> Path:
    """The weights file of a name in ``checkpoints/`` or of a path. Raises CheckpointError."""
    try:
        for path in (SHIPPED / f"{name}.safetensors", Path(name)):
            if path.is_file():
                return path.resolve()
    except (OSError, TypeError, ValueError):  # not a name that a file can have
        pass
    raise CheckpointError(f"There is no checkpoint '{name}'. Shipped are: {', '.join(shipped()) or 'none'}.")


def read_card(weights: Path) -> dict[str, Any]:
    """The card beside a weights file; a network of its configuration can be built. Raises CheckpointError."""
    path = weights.with_suffix(".json")
    try:
        if path.stat().st_size > MAX_CARD:
            raise ValueError(f"it is larger than {MAX_CARD // 1000} kB")
        card = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not isinstance(card.get("config"), dict):
            raise ValueError("it has no 'config'")
        if not isinstance(card.get("task", ""), str):
            raise ValueError("its task is not a name")
        outline(card["config"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError, RuntimeError) as error:
        raise CheckpointError(
            f"The checkpoint's card '{path.name}' is missing or damaged ({_reason(error)})."
        ) from error
    return card


def outline(config: dict[str, Any]) -> dict[str, Tensor]:
    """The names and shapes of the weights of a network of such sizes, a ModelConfig's, without room for any.

    Raises ValueError for what no checkpoint may have.
    """
    defaults = ModelConfig()
    for name, value in config.items():
        if isinstance(value, bool) and not isinstance(getattr(defaults, name, None), bool):
            raise ValueError(f"{name} must not be {json.dumps(value)}")
        if name in MOST and isinstance(value, int) and value > MOST[name]:
            raise ValueError(f"{name} must be at most {MOST[name]}, not {value}")
    with torch.device("meta"):
        weights = build(ModelConfig(**config)).state_dict()
    parameters = sum(weight.numel() for weight in weights.values())
    if parameters > MAX_PARAMETERS:
        raise ValueError(f"the network would have {parameters:,} weights, more than {MAX_PARAMETERS:,}")
    return weights


def load(name: str | Path) -> tuple[Network, dict[str, Any]]:
    """The network, in evaluation mode on the CPU, and its card. Raises CheckpointError."""
    weights = resolve(name)
    card = read_card(weights)
    try:
        tensors = load_weights(weights, outline(card["config"]))
        network = build(ModelConfig(**card["config"]))
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint '{weights.name}' is damaged or of another version ({_reason(error)})."
        ) from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last), card


def load_weights(path: Path, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, which must be those wanted, by name and shape. Raises ValueError."""
    with safe_open(path, "pt") as file:
        if set(file.keys()) != set(wanted):
            raise ValueError("it has other weights than its network")
        for name, like in wanted.items():
            part = file.get_slice(name)
            if part.get_shape() != list(like.shape):
                raise ValueError(f"{name} is of {part.get_shape()} instead of {list(like.shape)} numbers")
            if part.get_dtype() not in FLOATS:
                raise ValueError(f"{name} is not of floating-point numbers")
        tensors = {name: file.get_tensor(name).float() for name in wanted}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} is not finite")
    return tensors


def _reason(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0]


def load_classifier(task: str, channels: int) -> Classifier:
    """The shipped classifier that judges the drawings of a task. Raises CheckpointError."""
    classifier, path = Classifier(channels), SHIPPED / JUDGE / f"{task}-classifier.safetensors"
    try:
        classifier.load_state_dict(load_weights(path, classifier.state_dict()))
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"The classifier '{path.name}' is missing or damaged.") from error
    return classifier.eval().requires_grad_(False)


def kept(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as a checkpoint keeps them, in half precision: that takes half the room, and no score tells it."""
    return {name: weight.detach().half() for name, weight in weights.items()}


def save(path: Path, weights: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write weights, as they are ``kept``, and their card; both are written before either takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path.with_suffix(".json")) as partial:
        partial.write_text(to_json(card))
        save_tensors(path, kept(weights))


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file."""
    with whole(path) as partial:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata)
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)  # like any other file: safetensors' own are the owner's alone
