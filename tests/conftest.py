"""What several test files share: small networks, made-up drawings, and the real data where it is at hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fewshot.data import omniglot
from fewshot.models import MODELS, ModelConfig, build

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the training data (../shared) is not here")
VARIANTS = tuple(model for model in MODELS if model != "multi-scale")  # those that draw in black and white too
# Every variant as it is by default, and networks with all that else can be built, by a name.
NETWORKS = {model: {"model": model} for model in VARIANTS} | {
    "dilated": {"model": "conditional", "dilation_cycle": 3},
    "own drawing": {"model": "attention", "own": True},
    "read twice": {"model": "attention", "attend_after": (1, 3)},
    "all": {"model": "attention", "dilation_cycle": 3, "attend_after": (1, 3), "own": True, "reads_above": True},
    "wide patches": {"model": "attention", "dilation_cycle": 2, "own": True, "stride": 3, "attend_after": (2,)},
    "attentive-meta, all": {
        "model": "attentive-meta",
        "dilation_cycle": 2,
        "attend_after": (1, 2),
        "own": True,
        "reads_above": True,
    },
}


@pytest.fixture(autouse=True)
def one_thread():
    """Small networks are faster without the threads' meetings, and tests do not disturb each other."""
    torch.set_num_threads(1)


def small_network(model: str, scale: float = 0.4, **sizes):
    """A network with random weights, by default so large that probabilities are far from 1/2, as in a trained one."""
    torch.manual_seed(0)
    sizes = {"layers": 4, "maps": 8, "penultimate": 8, "encoder_maps": 8, "vector": 8, "attend_after": (1,)} | sizes
    network = build(ModelConfig(model=model, **sizes))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * scale)
        if network.adapts:
            network.log_step_sizes *= 0.1  # larger ones, and it takes leave of all reason
    return network.eval()


def strokes_image(rng: np.random.Generator, side: int) -> np.ndarray:
    """A binary image [side, side] with two thick random lines."""
    image = np.zeros((side, side), np.uint8)
    for _ in range(2):
        (x0, y0), (x1, y1) = rng.uniform(side * 0.15, side * 0.85, (2, 2))
        for t in np.linspace(0, 1, 2 * side):
            x, y = int(x0 + t * (x1 - x0)), int(y0 + t * (y1 - y0))
            image[y : y + 3, x : x + 3] = 1
    return image


@pytest.fixture(scope="session")
def packed_file(tmp_path_factory) -> Path:
    """A packed file with six made-up training characters, and four of the validation alphabets, 20 drawings each."""
    rng = np.random.default_rng(0)
    names = [f"Madeup/{i:02d}" for i in range(1, 7)] + [f"{a}/01" for a in omniglot.VALIDATION_ALPHABETS[:4]]
    drawings = np.stack([strokes_image(rng, omniglot.SIDE) for _ in range(20 * len(names))])
    path = tmp_path_factory.mktemp("data") / "packed.npz"
    np.savez(
        path,
        images=np.packbits(drawings.reshape(len(drawings), -1), axis=1),
        class_id=np.repeat(np.arange(len(names)), 20),
        class_name=np.array(names),
    )
    return path
