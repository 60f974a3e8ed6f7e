"""Loaders, one for each task that can be trained: where its episodes come from, and what is reported."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from fewshot.data import emoji, flip, omniglot, photos, products
from fewshot.data.episodes import MAX_SHOTS, Episodes, EpisodeSampler, evaluation_episodes
from fewshot.evaluation import evaluate, evaluate_emoji, evaluate_mirror, evaluate_products
from fewshot.models import MODELS, Network
from fewshot.tasks import EMOJI, FLIP, MIRROR, OMNIGLOT, PRODUCTS, Task
from fewshot.training.augment import augment, augment_emoji, augment_photos

if TYPE_CHECKING:
    from fewshot.training.train import TrainConfig

EXPORT_TARGETS = 8  # targets of a character in the scores on a card
EMOJI_SHOTS = (1, 3, 5)  # of the scores of emoji
LOOK_PHOTOS = 32  # in a look at the validation photographs, and at mirrored drawings
LOOK_TARGETS = 2  # of a product in a look


class Loader(Protocol):
    """One of LOADERS. Raises DataError where the data cannot be used."""

    task: ClassVar[Task]
    sizes: dict[str, Any]  # of the network, where they are not ModelConfig's own
    data: str  # what the weights will have seen, for their card
    images_a_step: int
    batch: Callable[[int, int, int], Episodes]  # of a step, process ``rank``'s share among ``world``

    def __init__(self, settings: "TrainConfig"): ...

    def look(self, network: Network) -> dict[str, float]:
        """A short look at held-out data: nats/dim by number of shots, or by what was read."""

    def scores(self, network: Network) -> dict[str, Any]:
        """What the card says of held-out data: {} where nothing was held out."""


class Characters(Loader):
    """Omniglot."""

    task = OMNIGLOT

    def __init__(self, settings: "TrainConfig"):
        drawings = omniglot.load(settings.data)
        self.validation = drawings.split("validation")
        # What the last step will need: too little data shows now.
        evaluation_episodes(self.validation, MAX_SHOTS, EXPORT_TARGETS, seed=0)
        training = drawings.split(settings.split)
        alphabets = len({training.class_name[c].split("/")[0] for c in training.class_id})
        self.data = f"{settings.split} alphabets of {settings.data.name}, {alphabets} in number"
        self.held_out = settings.split == "training"
        self.sizes = {"channels": self.task.channels, "side": self.task.side}
        self.images_a_step = settings.characters * settings.targets
        self.batch = EpisodeSampler(
            training,
            settings.characters,
            settings.targets,
            settings.seed,
            settings.shots,
            transform=partial(augment, share=settings.changed),
            without=settings.without,
        ).batch

    def look(self, network: Network) -> dict[str, float]:
        scores = evaluate(network, self.validation, shots=(1, 4, 8), targets=1, seed=0)
        return {s: round(score["nats_per_dim"], 5) for s, score in scores.items()}

    def scores(self, network: Network) -> dict[str, Any]:
        if not self.held_out:
            return {}
        scores = evaluate(network, self.validation, (1, 2, 4, MAX_SHOTS), EXPORT_TARGETS, seed=0)
        return {"validation_nats_per_dim": {s: round(score["nats_per_dim"], 5) for s, score in scores.items()}}


class Mirror(Loader):
    """Photographs, each to be drawn from its mirror image."""

    task = MIRROR

    def __init__(self, settings: "TrainConfig"):
        both = photos.load(settings.data)
        training, self.validation = both.split("training"), both.split("validation")
        self.data = f"{len(training)} training photographs of {settings.data.name}"
        self.sizes = {"channels": self.task.channels, "side": self.task.side, "copies": settings.copies, "octaves": 6}
        self.sizes |= {"layers": 8, "encoder_maps": 32, "stride": 1, "attend_after": (2,), "heads": 1}
        self.images_a_step = settings.characters
        # A canvas has biases of each pixel: those of a small picture would be of other places.
        growing = 0 if MODELS[settings.model].adapts else settings.steps
        self.batch = photos.MirrorSampler(training, settings.characters, settings.seed, growing).batch

    def look(self, network: Network) -> dict[str, float]:
        score = evaluate_mirror(network, self.validation[:LOOK_PHOTOS])
        return {name: round(value, 5) for name, value in score.items() if value is not None}

    def scores(self, network: Network) -> dict[str, Any]:
        score = evaluate_mirror(network, self.validation)
        return {"validation": {name: round(value, 5) for name, value in score.items() if value is not None}}


class Flip(Loader):
    """Drawings of characters, each to be drawn from its mirror image."""

    task = FLIP

    def __init__(self, settings: "TrainConfig"):
        drawings = omniglot.load(settings.data)
        self.validation = flip.some(drawings.split("validation"), EXPORT_TARGETS, seed=0)
        training = drawings.split("training")
        self.data = f"{len(training.images)} drawings of the training alphabets of {settings.data.name}"
        self.sizes = {"channels": self.task.channels, "side": self.task.side}
        self.sizes |= {"layers": 8, "encoder_maps": 32, "stride": 1, "attend_after": (2,), "heads": 2}
        self.images_a_step = settings.characters
        self.batch = flip.FlipSampler(
            training, settings.characters, settings.seed, transform=partial(augment, share=settings.changed)
        ).batch

    def look(self, network: Network) -> dict[str, float]:
        images, _ = self.validation
        score = evaluate_mirror(network, images[:: len(images) // LOOK_PHOTOS or 1])
        return {name: round(value, 5) for name, value in score.items() if value is not None}

    def scores(self, network: Network) -> dict[str, Any]:
        score = evaluate_mirror(network, *self.validation)
        return {"validation": {name: round(value, 5) for name, value in score.items() if value is not None}}


class EmojiOfOthers(Loader):
    """Emoji, each to be drawn from other artists' versions of it."""

    task = EMOJI

    def __init__(self, settings: "TrainConfig"):
        training = emoji.load(settings.data, "training")
        self.validation = emoji.load(settings.data, "validation")
        # What the last step will need: too little data shows now.
        emoji.evaluation_episodes(self.validation, max(EMOJI_SHOTS), EXPORT_TARGETS, seed=0)
        self.data = f"{len(training.images)} pictures of {len(training.members)} emoji of {settings.data.name}"
        self.sizes = {"channels": self.task.channels, "side": self.task.side, "octaves": 5}
        self.sizes |= {"palette": tuple(self.task.palette.values())}
        self.sizes |= {"layers": 8, "dilation_cycle": 3, "attend_after": (4,), "encoder_maps": 32}
        self.sizes |= {"maps": 64, "penultimate": 64, "copies": settings.copies, "heads": 2, "key_size": 32}
        self.images_a_step = settings.characters
        self.batch = emoji.EmojiSampler(
            training,
            settings.characters,
            settings.seed,
            settings.shots,
            transform=partial(augment_emoji, share=settings.changed),
            without=settings.without,
        ).batch

    def look(self, network: Network) -> dict[str, float]:
        scores = evaluate_emoji(network, self.validation, EMOJI_SHOTS, targets=1, seed=0)
        return {s: round(score["nats_per_dim"], 5) for s, score in scores.items()}

    def scores(self, network: Network) -> dict[str, Any]:
        scores = evaluate_emoji(network, self.validation, EMOJI_SHOTS, EXPORT_TARGETS, seed=0)
        return {"validation_nats_per_dim": {s: round(score["nats_per_dim"], 5) for s, score in scores.items()}}


class OnlineProducts(Loader):
    """Photographs of products, each to be drawn from three others of the same product."""

    task = PRODUCTS

    def __init__(self, settings: "TrainConfig"):
        training = products.load(settings.data, "training")
        self.validation = products.load(settings.data, "validation")
        self.data = f"{len(training.images)} photographs of {len(training.members())} products of {settings.data.name}"
        self.sizes = {"channels": self.task.channels, "side": self.task.side, "copies": settings.copies, "octaves": 5}
        self.sizes |= {"maps": 64, "penultimate": 64}
        self.images_a_step = settings.characters
        self.batch = products.ProductSampler(
            training,
            settings.characters,
            settings.seed,
            transform=partial(augment_photos, share=settings.changed),
            without=settings.without,
        ).batch

    def look(self, network: Network) -> dict[str, float]:
        scores = evaluate_products(network, self.validation, LOOK_TARGETS, seed=0)
        return {source: round(score["nats_per_dim"], 5) for source, score in scores.items()}

    def scores(self, network: Network) -> dict[str, Any]:
        scores = evaluate_products(network, self.validation, EXPORT_TARGETS, seed=0)
        return {"validation": {source: round(score["nats_per_dim"], 5) for source, score in scores.items()}}


_ALL: tuple[type[Loader], ...] = (Characters, Flip, Mirror, EmojiOfOthers, OnlineProducts)
LOADERS = {loader.task.key: loader for loader in _ALL}  # by task
