"""The networks. They know neither samplers nor the interface; ``build`` makes one from its configuration."""

from fewshot.models.attention import AttentionPixelCNN
from fewshot.models.attentive_meta import AttentiveMetaPixelCNN
from fewshot.models.base import Network
from fewshot.models.conditional import ConditionalPixelCNN
from fewshot.models.config import ModelConfig
from fewshot.models.meta import MetaPixelCNN
from fewshot.models.multi_scale import MultiScalePixelCNN
from fewshot.models.pixelcnn import PixelCNN

MODELS: dict[str, type[Network]] = {
    "pixelcnn": PixelCNN,
    "conditional": ConditionalPixelCNN,
    "multi-scale": MultiScalePixelCNN,
    "meta": MetaPixelCNN,
    "attention": AttentionPixelCNN,
    "attentive-meta": AttentiveMetaPixelCNN,
}
UNCONDITIONAL = "pixelcnn"  # the variant that reads nothing: what guidance moves the others away from


def build(config: ModelConfig) -> Network:
    """The network of a configuration, with fresh weights. Raises ValueError for an unknown model name."""
    if not isinstance(config.model, str) or config.model not in MODELS:
        raise ValueError(f"There is no model '{config.model}'. Choose one of: {', '.join(MODELS)}.")
    return MODELS[config.model](config)
