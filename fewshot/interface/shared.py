"""What workers have in common: the process that they are forked from imports this, and so loads it once for all."""

import gc
from contextlib import suppress

import torch

import fewshot
import fewshot.interface.service
from fewshot import CheckpointError, checkpoints

torch.set_num_threads(1)
for name in checkpoints.shipped():
    with suppress(CheckpointError):  # the page says so
        fewshot.load(name)
gc.collect()
gc.freeze()  # the garbage collector would write to the memory of all these objects, which ends its being shared
