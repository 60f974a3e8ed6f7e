"""Training: minimise the NLL of targets given supports over random episodes."""

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from fewshot import checkpoints
from fewshot.data.episodes import MAX_SHOTS, Episodes
from fewshot.files import writable
from fewshot.memory import keep_freed
from fewshot.models import MODELS, ModelConfig, Network, build
from fewshot.models.attend import attend_twice_differentiable
from fewshot.models.config import ADAPTED
from fewshot.models.inputs import to_tensor
from fewshot.tasks import EMOJI, OMNIGLOT, PRODUCTS
from fewshot.training.distributed import processes
from fewshot.training.optimizer import Optimizer
from fewshot.training.provenance import command, commit
from fewshot.training.tasks import LOADERS, Loader


class TrainingError(ValueError):
    """Training cannot start or go on; the message is one sentence for the user."""


class SettingError(TrainingError):
    """A setting is out of its range."""


@dataclass(frozen=True)
class TrainConfig:
    """Train a model; started again with the same arguments, it goes on where it was."""

    data: Path
    """packed .npz file, or a folder of Omniglot, of photographs, of icon packages, or of Stanford Online Products"""
    task: Literal[tuple(LOADERS)] = OMNIGLOT.key  # type: ignore[valid-type]  # mypy wants them spelt out
    """what is to be drawn: characters, drawings or photographs from their mirror images, emoji from other artists'
    versions, or products from other views of them"""
    model: Literal[tuple(MODELS)] = ModelConfig.model  # type: ignore[valid-type]  # as above
    """the variant to train"""
    out: Path = Path("runs")
    """folder for the state of the run, its log, and the checkpoint"""
    initial: Path | None = None
    """weights file to start from, of this variant or of one that it extends"""
    steps: int = 10000
    """optimizer steps"""
    characters: int = 8
    """episodes a step, over all processes: characters, drawings, photographs, emoji or products"""
    targets: int = 4
    """characters: targets an episode"""
    shots: int = MAX_SHOTS
    """characters, emoji: most supports of an episode, 1 to so many"""
    learning_rate: float = 2e-3
    """peak rate of Muon and AdamW, after a warm-up and before a linear decay to zero"""
    ema: float = 0.999
    """decay of the averaged weights, which are the ones that are shipped"""
    changed: float = 0.5
    """all but mirror: share of the episodes that are augmented; use less at the end, so that training ends
    on real data"""
    without: float = 0.0
    """characters, emoji, products: share of the steps whose episodes have no supports, so that the network is its own
    partner in guidance"""
    network: tuple[str, ...] = ()
    """sizes of the network that differ from the task's, as name=value: maps=64 own=true attend_after=[3,7]"""
    seed: int = 0
    """seed of the weights and of the episodes"""
    split: Literal["training", "training+validation"] = "training"
    """characters: alphabets to train on, never the test alphabets"""
    copies: bool = True
    """mirror, emoji, products: whether the colours that attention read reach the head as they are"""
    inner_steps: int = 1
    """Meta and Attentive Meta PixelCNN: inner gradient steps; a training step takes 1, the next 2, ... and so many, in
    turn"""
    adapted: Literal[tuple(ADAPTED)] = "all"  # type: ignore[valid-type]  # as above
    """Meta and Attentive Meta PixelCNN: the weights that inner steps change"""
    every: int = 1000
    """steps between two saves, each with a look at the held-out data"""
    snapshots: bool = False
    """keep a checkpoint of the start and of every save, for `lab inner-loss`"""
    compile: bool = True
    """torch.compile; without a C++ compiler the run goes on without it"""
    reference: bool = False
    """as PyTorch does it: in float32, with its own attention, not compiled; faster training is compared with this"""


MAX_SEED = 2**63 - 1  # what torch takes
ANY = 1, MAX_SEED
RANGES = {
    "steps": ANY,
    "characters": ANY,
    "targets": ANY,
    "shots": (1, MAX_SHOTS),
    "inner_steps": (1, 10),
    "every": ANY,
    "seed": (0, MAX_SEED),
    "learning_rate": (1e-9, 1),
    "ema": (0, 1 - 1e-9),
    "changed": (0, 1),
    "without": (0, 1),
}
WITHOUT = (OMNIGLOT.key, EMOJI.key, PRODUCTS.key)  # tasks whose episodes may have no supports
WARMUP = 200  # steps
CLIP = 1.0  # gradient norm
# Processes that make the episodes of the steps ahead: a GPU would wait for one, on a CPU the network takes all cores.
WORKERS = {"cuda": 8, "cpu": 0}


def train(config: TrainConfig) -> Path:
    """Run or resume a training; returns the path of the checkpoint's weights. Raises TrainingError and DataError."""
    keep_freed()
    with processes() as (rank, world, device):
        return _Run(config, rank, world, device).run()


def mean_nll(model: torch.nn.Module, supports: Tensor, targets: Tensor, bf16: bool, **options: Any) -> Tensor:
    """Mean NLL of the targets given the supports, in nats/dim; in ``bf16`` inside, or float32."""
    with torch.autocast(targets.device.type, torch.bfloat16, enabled=bf16):
        outputs = model(targets, supports, **options)
    network = cast(Network, model.module if isinstance(model, DistributedDataParallel) else model)
    return network.head.nats(outputs.float(), targets).mean() / targets.shape[2]


def fast_bf16(device: torch.device) -> bool:
    """Whether bf16 is computed in hardware; emulated, it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu.get_capabilities().get("avx512_bf16", False)


def train_step(
    model: torch.nn.Module,
    optimizer: Optimizer,
    supports: Tensor,
    targets: Tensor,
    learning_rate: float,
    bf16: bool,
    **options: Any,
) -> Tensor:
    """One step of gradient descent; ``model`` computes what the optimizer's network does. Gives the loss before it."""
    loss = mean_nll(model, supports, targets, bf16, **options)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step(learning_rate)
    return loss.detach()


def compiled(network: Network, supports: Tensor, targets: Tensor, bf16: bool) -> torch.nn.Module:
    """The network, compiled, after a trial on such a batch. Raises what a missing or broken compiler raises."""
    model = cast(torch.nn.Module, torch.compile(network))
    try:
        mean_nll(model, supports, targets, bf16).backward()
    finally:
        network.zero_grad()
    return model


class _Share(Dataset):
    """A process's share of the episodes of each step."""

    def __init__(self, loader: Loader, rank: int, world: int):
        self.loader, self.rank, self.world = loader, rank, world

    def __getitem__(self, step: int) -> Episodes:
        return self.loader.batch(step, self.rank, self.world)


class _Run:
    def __init__(self, config: TrainConfig, rank: int, world: int, device: torch.device):
        for name, (low, high) in RANGES.items():
            if not low <= getattr(config, name) <= high:  # nor for NaN
                most = "" if high >= MAX_SEED else f" and at most {high:g}"
                raise SettingError(f"--{name.replace('_', '-')} must be at least {low:g}{most}.")
        writable(config.out)
        if config.without and config.task not in WITHOUT:
            raise SettingError(f"--without is for {', '.join(WITHOUT)}.")
        if config.characters % world:
            raise TrainingError(f"{config.characters} characters a step do not divide among {world} processes.")
        self.config, self.rank, self.world, self.device = config, rank, world, device
        self.commit = commit()
        self.bf16 = fast_bf16(device) and not config.reference
        self.loader = LOADERS[config.task](config)
        self.share = _Share(self.loader, rank, world)
        torch.manual_seed(config.seed)
        self.network = build(self.sizes()).to(device).to(memory_format=torch.channels_last)
        if config.reference:
            for part in self.network.modules():
                if isinstance(part, Network) and part.attends:
                    part.attend = attend_twice_differentiable
        self.before = self.load_initial()
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimizer = Optimizer(self.network, self.bf16)
        self.step, self.seconds = 0, 0.0
        self.name = f"{config.task}-{config.model}"
        self.state_file = config.out / f"{self.name}.state"
        config.out.mkdir(parents=True, exist_ok=True)
        if self.state_file.exists():
            self.restore()

    def sizes(self) -> ModelConfig:
        """The sizes of the network that is trained."""
        config = self.config
        sizes = {"model": config.model, "inner_steps": config.inner_steps, "adapted": config.adapted}
        sizes |= self.loader.sizes | {"drops_supports": config.without > 0}
        try:
            for size in config.network:
                name, value = size.split("=", 1)
                sizes[name] = json.loads(value)
            made = ModelConfig(**sizes)
            if made.side != self.loader.task.side:
                raise ValueError("its side is the task's")
            checkpoints.outline(asdict(made))
            return made
        except (ValueError, TypeError) as error:
            if not config.network:
                raise TrainingError(f"'{config.model}' cannot be trained for '{config.task}': {error}.") from error
            raise TrainingError(f"--network must be name=value, of sizes that a network has ({error}).") from error

    def load_initial(self) -> dict[str, Any]:
        """The card of the weights that the run starts from, which are now the network's; {} if it starts anew."""
        if self.config.initial is None:
            return {}
        trained, card = checkpoints.load(self.config.initial)
        if trained.config.palette != self.network.config.palette:
            raise TrainingError(f"'{self.config.initial}' is for other colours.")
        own, weights = self.network.state_dict(), trained.state_dict()
        if trained.extends != self.network.extends:
            weights = {f"{self.network.extends}{name}": value for name, value in weights.items()}
        # What the supports add enters at zero, so that the run starts as the model that it extends.
        if "logit.weight" in own and "logit.weight" in weights:
            copied = own["logit.weight"].shape[1] - weights["logit.weight"].shape[1]
            weights["logit.weight"] = F.pad(weights["logit.weight"], (0, 0, 0, 0, 0, max(copied, 0)))
        entries = {
            name: torch.zeros_like(value)
            for name, value in own.items()
            if "_context." in name and name.startswith(self.network.extends)
        }
        if any(name not in own or own[name].shape != value.shape for name, value in weights.items()):
            raise TrainingError(f"'{self.config.initial}' is not of a model that '{self.config.model}' extends.")
        self.network.load_state_dict(own | entries | weights)
        return card

    def run(self) -> Path:
        config = self.config
        started = time.monotonic() - self.seconds
        if self.rank == 0 and not self.bf16 and not config.reference:
            print("This machine does not compute bf16 in hardware: training in float32.", file=sys.stderr)
        model = self.compiled()
        if self.world > 1:
            # Without supports nothing encodes them; and with too few for an inner step, what is learned about it is
            # not used.
            unused = self.network.adapts or config.without > 0
            model = DistributedDataParallel(model, find_unused_parameters=unused)
        images_a_step = self.loader.images_a_step
        with tqdm(
            total=config.steps * images_a_step,
            initial=self.step * images_a_step,
            unit="img",
            desc=self.name,
            disable=self.rank > 0,
            mininterval=1,
        ) as bar:
            if self.rank == 0 and self.step == 0:
                self.snapshot()
            losses: list[Tensor] = []
            for episodes in self.batches():
                losses.append(self.train_step(model, *self.tensors(episodes)))
                self.step += 1
                bar.update(images_a_step)
                if self.step % 20 == 0:
                    bar.set_postfix(loss=f"{losses[-1].item():.4f}", refresh=False)
                if self.step % config.every == 0 or self.step == config.steps:
                    self.seconds = time.monotonic() - started
                    loss = torch.stack(losses).mean().item()
                    if not math.isfinite(loss):
                        raise TrainingError(
                            f"The loss is no longer finite; the last state before is in '{config.out}'."
                        )
                    if self.rank == 0:
                        # A look may take minutes. A run that is killed in it continues from the last save.
                        validation = self.loader.look(self.averaged())
                        self.save()
                        self.log(loss, validation, bar)
                    losses.clear()
        return self.export() if self.rank == 0 else self.weights_file

    def compiled(self) -> torch.nn.Module:
        """The network, compiled where that works here."""
        plain = self.config.reference or self.network.adapts  # torch.compile has no second derivatives
        if plain or not self.config.compile:
            return self.network
        try:
            return compiled(self.network, *self.tensors(self.share[0]), self.bf16)
        except Exception as error:  # whatever it is, training can go on without it
            if self.rank == 0:
                reason = (str(error) or type(error).__name__).splitlines()[0]
                print(f"torch.compile does not work here, going on without it ({reason})", file=sys.stderr)
            return self.network

    def batches(self) -> Iterator[Episodes]:
        """This process's share of the episodes of each step that is left."""
        steps, workers = range(self.step, self.config.steps), WORKERS[self.device.type]
        pinned = self.device.type == "cuda"
        yield from DataLoader(self.share, sampler=steps, batch_size=None, num_workers=workers, pin_memory=pinned)

    def tensors(self, episodes: Episodes) -> tuple[Tensor, Tensor]:
        """Episodes as supports [B, S, C, H, W] and targets [B, Q, C, H, W]."""
        supports, targets = (to_tensor(x, self.device) for x in episodes)
        # The number of shots differs between steps: one compiled graph for all of them.
        torch._dynamo.maybe_mark_dynamic(supports, 1)
        return supports, targets

    def train_step(self, model: torch.nn.Module, supports: Tensor, targets: Tensor) -> Tensor:
        options = {"inner_steps": 1 + self.step % self.config.inner_steps} if self.network.adapts else {}
        loss = train_step(model, self.optimizer, supports, targets, self.learning_rate(), self.bf16, **options)
        # Early on, an average over the few steps there were.
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.network.state_dict().values()), 1 - decay)
        return loss

    def learning_rate(self) -> float:
        warm = min(1.0, (self.step + 1) / WARMUP)
        return self.config.learning_rate * warm * (1 - self.step / self.config.steps)

    def log(self, loss: float, validation: dict[str, float], bar: tqdm) -> None:
        """Add a line to the log: the training loss since the last one, and a short look at the held-out data."""
        line: dict[str, Any] = {
            "step": self.step,
            "images": bar.n,
            "seconds": round(self.seconds),
            "loss": round(loss, 5),
        }
        line["validation"] = validation
        with (self.config.out / f"{self.name}.log").open("a") as file:
            file.write(json.dumps(line) + "\n")
        bar.write(json.dumps(line))
        self.snapshot()

    def snapshot(self) -> None:
        """Keep the averaged weights as they are now, if that is wanted."""
        if self.config.snapshots:
            path = self.config.out / f"{self.name}-{self.step:05d}.safetensors"
            card = {"config": asdict(self.network.config), "task": self.config.task, "steps": self.step}
            checkpoints.save(path, self.average, card)

    def averaged(self) -> Network:
        """A network with the averaged weights, as a checkpoint keeps them."""
        network = build(self.network.config).to(self.device)
        network.load_state_dict(checkpoints.kept(self.average))
        return network

    def save(self) -> None:
        """Everything that the next step depends on."""
        tensors = {f"network/{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        tensors |= {f"optimizer/{k}": v for k, v in self.optimizer.state().items()}
        checkpoints.save_tensors(
            self.state_file,
            tensors,
            {"step": str(self.step), "seconds": str(self.seconds), "config": repr(self.config)},
        )

    def restore(self) -> None:
        try:
            with safe_open(self.state_file, "pt") as file:
                metadata = file.metadata() or {}
                # Cloned, because they would keep the file open, which the next save replaces.
                tensors = {k: file.get_tensor(k).clone() for k in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"'{self.state_file}' is damaged: remove it to start anew.") from error
        if metadata.get("config") != repr(self.config):
            raise TrainingError(
                f"'{self.state_file}' is a run with other arguments. Use another --out, or the same arguments: "
                f"{metadata.get('config', 'it does not say which')}"
            )
        groups: dict[str, dict[str, Tensor]] = {}
        try:
            for key, value in tensors.items():
                kind, name = key.split("/", 1)
                groups.setdefault(kind, {})[name] = value
            if not all(value.dtype == torch.float32 and value.isfinite().all() for value in tensors.values()):
                raise ValueError("it is not of finite numbers in float32")
            self.network.load_state_dict(groups["network"])
            # In the network's order, which the file does not keep.
            self.average = {k: groups["average"][k].to(self.device) for k in self.network.state_dict()}
            if any(self.average[k].shape != v.shape for k, v in self.network.state_dict().items()):
                raise ValueError("its average is of another shape")
            self.optimizer.restore(groups["optimizer"])
            self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])
            if not (0 <= self.step <= self.config.steps and 0 <= self.seconds < math.inf):
                raise ValueError("its step is out of range")
        except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise TrainingError(f"'{self.state_file}' is of another version: remove it to start anew.") from error

    @property
    def weights_file(self) -> Path:
        return self.config.out / f"{self.name}.safetensors"

    def export(self) -> Path:
        """Write the averaged weights and their card."""
        card = {
            "config": asdict(self.network.config),
            "task": self.config.task,
            "protocol": self.loader.task.protocol.format(side=self.network.config.side),
            "data": self.loader.data,
            "parameters": sum(p.numel() for p in self.network.parameters()),
            "steps": self.before.get("steps", 0) + self.step,
            "images": self.before.get("images", 0) + self.step * self.loader.images_a_step,
            "minutes": round(self.before.get("minutes", 0) + self.seconds / 60, 1),
            "device": torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
            "torch": torch.__version__,
            "command": " && ".join(filter(None, [self.before.get("command"), command(self.world)])),
            "commit": self.commit,
        }
        card |= self.loader.scores(self.averaged())
        checkpoints.save(self.weights_file, self.average, card)
        return self.weights_file
