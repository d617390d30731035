"""Networks as named tensors, and back."""

from collections.abc import Mapping

import torch
from torch import Tensor

from noise2detail.engine.network import ThreeLayerNet, in_fast_layout
from noise2detail.engine.seeding import seeded


def named(prefix: str, net: ThreeLayerNet) -> dict[str, Tensor]:
    """Weights of ``net`` by name, each beginning with ``prefix`` and a dot."""
    return {f"{prefix}.{name}": value.detach().cpu().contiguous() for name, value in net.state_dict().items()}


def load_network(prefix: str, tensors: Mapping[str, Tensor], device: torch.device) -> ThreeLayerNet:
    """Network from the tensors that ``named`` gave; their shapes say how wide it is. The global random state stays.

    Raises
    ------
    KeyError
        A tensor is missing.
    """
    own = {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}
    width, channels = own["layers.0.weight"].shape[:2]
    with seeded(0, torch.device("cpu")):  # the first weights are drawn, and replaced at once
        net = ThreeLayerNet(channels, width)
    net.load_state_dict(own)
    return in_fast_layout(net, device)
