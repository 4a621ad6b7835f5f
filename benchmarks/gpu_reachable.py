"""What the prototype reaches on the card: encoder alone, cutting alone, and both from NumPy."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

import cases
import gpu_prototype
import numpy as np
import operations
import torch
from cases import Model
from gpu_group import Graph, Group, pack_into, packed, repeated
from gpu_now import profiled
from gpu_parity import distances, relative
from gpu_prototype import Cutter, Encoder
from gpu_run import Row, Setting, Work
from torch import Tensor
from torch.nn import functional

from refmask.clip import ClipBackbone
from refmask.methods.global_local import GlobalLocal
from refmask.types import BoolArray, FloatArray, MaskProposals, UInt8Array

#: Threads that pack masks.
PACKERS = 8
#: Masks whose features are compared with the processor's.
COMPARED = 8


class Variant(NamedTuple):
    """How ``Encoder`` computes.

    Attributes:
        products: type of the matrix products.
        sums: type that tokens are summed up in.
        how: "eager", or with blocks "compiled" or "tuned" by torch's compiler.
    """

    products: torch.dtype
    sums: torch.dtype
    how: str = "eager"


VARIANTS = {
    "fp32": Variant(torch.float32, torch.float32),
    "fp16": Variant(torch.float16, torch.float16),
    "bf16": Variant(torch.bfloat16, torch.bfloat16),
    "bf16, sums in fp32": Variant(torch.bfloat16, torch.float32),
    "bf16, compiled": Variant(torch.bfloat16, torch.bfloat16, "compiled"),
    "bf16, sums in fp32, compiled": Variant(torch.bfloat16, torch.float32, "compiled"),
    "bf16, tuned": Variant(torch.bfloat16, torch.bfloat16, "tuned"),
}


def works(setting: Setting) -> Iterator[Work]:
    """The limits, then each model: agreement with the processor, encoder, cutting, from NumPy."""
    yield "limits of the card", partial(limits, setting)
    for model in setting.timed:
        bench = Bench(setting, model, setting.load(model, setting.device, "auto"))
        yield f"{model.name}, crop encoder, as it is", bench.as_it_is
        for name in ("fp32", "fp16", "bf16", "bf16, sums in fp32"):
            yield f"{model.name}, agreement, {name}", partial(bench.agreement, VARIANTS[name])
        for name in (
            "bf16",
            "bf16, sums in fp32",
            "bf16, compiled",
            "bf16, sums in fp32, compiled",
        ):
            yield f"{model.name}, crop encoder, {name}", partial(bench.encoder, VARIANTS[name])
        yield f"{model.name}, cutting", bench.cutting
        for name in ("bf16, compiled", "bf16, sums in fp32, compiled"):
            work = partial(bench.from_numpy, VARIANTS[name])
            yield f"{model.name}, from NumPy to features, {name}", work
        yield f"{model.name}, profile", partial(bench.profile, VARIANTS["bf16, compiled"])
        if model == setting.timed[-1]:
            first = Bench(
                setting, setting.timed[0], setting.load(setting.timed[0], setting.device, "auto")
            )
            yield (
                f"{first.model.name}, crop encoder, tuned",
                partial(first.encoder, VARIANTS["bf16, tuned"]),
            )


def limits(setting: Setting) -> Row:
    """The best bf16 matrix product and the best copy."""
    side = 256 if setting.small else 8192
    one, other = (torch.randn(side, side, device=setting.device).bfloat16() for _ in range(2))
    seconds = setting.seconds(lambda: one @ other, runs=10, warm=3)
    block = torch.randn(side * side * 8, device=setting.device)
    copied = setting.seconds(block.clone, runs=10, warm=3)
    return {
        "teraflops": 2e-12 * side**3 / seconds,
        "terabytes_per_second": 2e-12 * block.nbytes / copied,
    }


class Bench:
    """One model's measurements.

    Args:
        setting: where.
        model: which.
        clip: as loaded there.
    """

    def __init__(self, setting: Setting, model: Model, clip: ClipBackbone) -> None:
        self.setting, self.model, self.clip = setting, model, clip
        self.on_card = setting.device.type == "cuda"
        self.size = (96, 128) if setting.small else (480, 640)
        large = model.cfg["vision_cfg"]["patch_size"] < 32
        #: Images whose crops are encoded together; a group is as many as the last but one.
        self.groups = (1, 2) if setting.small else (1, 4, 8) if large else (1, 4, 16, 64)
        self.group = self.groups[-2]
        self.last = model.mask_layers or clip.tower.mask_layers  # type: ignore[attr-defined]

    def as_it_is(self) -> Row:
        """Images a second of the tower as it is, crops being there."""
        side, rows = self.clip.statistics.side, []
        for images in self.groups:
            crops = torch.randn(self._crops(images), 3, side, side, device=self.setting.device)
            rows.append(self._rates(images, partial(self.clip.tower.encode, crops)))
        return {"by_group": rows}

    def encoder(self, variant: Variant) -> Row:
        """Images a second of the crop encoder alone, as a graph, and how a compiled one errs."""
        made, plain = (self._encoder(each) for each in (variant, variant._replace(how="eager")))
        groups = self.groups if variant.how == "eager" else self.groups[1:-1] or self.groups[:1]
        rows, told = [], {}
        for images in groups:
            crops = self._noise(images)
            with torch.no_grad():
                told["error_against_eager"] = relative(made.encode(crops), plain.encode(crops))
            rows.append(self._rates(images, self._repeated(made.encode, crops)))
        return {"by_group": rows, **told}

    def agreement(self, variant: Variant) -> Row:
        """Relative errors of the prototype's features against the processor's in fp32."""
        image, proposals, wanted = self._wanted()
        group = packed(image, proposals.masks, proposals.boxes).to(self.setting.device)
        with torch.no_grad():
            found = self._look(variant)(*group).cpu()
        return {"errors": distances(dict(zip(wanted, found, strict=True)), wanted)}

    def cutting(self) -> Row:
        """Seconds an image to cut its crops on the card: one by one, and as matrix products."""
        image, masks = cases.make_image(*self.size), cases.masks(self.setting.masks, *self.size)
        proposals = MaskProposals(masks)
        group = repeated(packed(image, masks, proposals.boxes), self.group).to(self.setting.device)
        cutter, compiled = self._cutter("eager"), self._cutter("compiled")
        seen, side = gpu_prototype.unpacked(group.packed[0]), (self.clip.statistics.side,) * 2

        def one_by_one() -> None:
            pixels = ((group.images[0].float() / 255 - cutter.mean) / cutter.std).movedim(2, 0)
            for mask, (x1, y1, x2, y2) in zip(seen, proposals.boxes.astype(int), strict=True):
                part = pixels[:, y1:y2, x1:x2] * mask[y1:y2, x1:x2]
                functional.interpolate(part[None], side, mode="bicubic", antialias=True)

        return {
            "one by one": self.setting.seconds(one_by_one),
            "products": self.setting.seconds(lambda: cutter(*group)) / self.group,
            "products, compiled": self.setting.seconds(lambda: compiled(*group)) / self.group,
            "gigabytes": self.setting.peak(lambda: compiled(*group)),
        }

    def from_numpy(self, variant: Variant) -> Row:
        """Images a second from arrays to both features in memory, and of the card alone."""
        told = [
            (
                np.roll(cases.make_image(*self.size), 7 * number, axis=1),
                masks,
                MaskProposals(masks).boxes,
            )
            for number in range(self.group)
            for masks in [cases.masks(self.setting.masks, *self.size, number)]
        ]
        held = repeated(packed(*told[0]), self.group).to(self.setting.device)
        run = self._graph(self._look(variant), *held)
        on_card = self.setting.seconds(lambda: run(*held))
        count = 2 if self.setting.small else 8
        seconds = self.setting.seconds(lambda: self._fed(run, told, count), runs=3, warm=1)
        return {
            "group": self.group,
            "images_per_second": count * self.group / seconds,
            "images_per_second_on_card": self.group / on_card,
            "teraflops_of_crops_on_card": 2e-12 * self._needed(self.group) / on_card,
            "gigabytes": self.setting.peak(lambda: run(*held)),
        }

    def profile(self, variant: Variant) -> Row:
        """What the crop encoder of a group is made of."""
        made, crops = self._encoder(variant), self._noise(self.group)
        return {
            "group": self.group,
            **profiled(self.setting, torch.no_grad()(lambda: made.encode(crops))),
        }

    @cache  # noqa: B019  a bench lives as long as the program
    def _wanted(self) -> tuple[UInt8Array, MaskProposals, dict[str, FloatArray]]:
        """An image with masks, and what the processor makes of it in fp32."""
        image, proposals = (
            cases.make_image(*self.size),
            MaskProposals(cases.masks(COMPARED, *self.size)),
        )
        method = GlobalLocal(self.setting.load(self.model, "cpu", "fp32"), mask_layers=self.last)
        seen = method.encode_image(image, proposals)
        return image, proposals, {"global": seen.global_context, "local": seen.local_context}

    def _fed(
        self,
        run: Callable[..., Tensor],
        told: list[tuple[UInt8Array, BoolArray, FloatArray]],
        count: int,
    ) -> list[Tensor]:
        """Features of so many groups; threads pack the next one while the card computes."""
        kinds = [part.dtype for part in packed(*told[0])]
        shapes = [(self.group, *part.shape[1:]) for part in packed(*told[0])]
        slots = [
            Group(
                *(
                    torch.empty(shape, dtype=kind, pin_memory=self.on_card)
                    for shape, kind in zip(shapes, kinds, strict=True)
                )
            )
            for _ in range(2)
        ]
        found = []
        with ThreadPoolExecutor(PACKERS) as pool:

            def begin(group: int) -> list[Future[None]]:
                into = partial(pack_into, slots[group % 2])
                return [pool.submit(into, place, *one) for place, one in enumerate(told)]

            begun = begin(0)
            for group in range(count):
                for future in begun:
                    future.result()
                there = slots[group % 2].to(self.setting.device)
                copied = torch.cuda.Event() if self.on_card else None
                if copied is not None:
                    copied.record()
                found.append(run(*there).clone())
                if group + 1 < count:
                    begun = begin(group + 1)
                if copied is not None:
                    copied.synchronize()  # the slot may be written again
        return [part.cpu() for part in found]

    def _look(self, variant: Variant) -> Callable[..., Tensor]:
        cutter = self._cutter(variant.how)
        return partial(gpu_prototype.look, self._encoder(variant), cutter, self.last)

    def _encoder(self, variant: Variant) -> Encoder:
        run = self._compiled(gpu_prototype.block, variant.how)
        return Encoder(self.clip.model.visual, variant.products, variant.sums, run)

    def _cutter(self, how: str) -> Any:
        half = torch.float16 if self.on_card else torch.float32
        cutter = Cutter(self.clip.statistics, self.clip.tower.grid[0], self.setting.device, half)
        return self._compiled(cutter, "compiled" if how == "tuned" else how)

    @cache  # noqa: B019  a bench lives as long as the program
    def _compiled(self, work: Callable[..., Any], how: str) -> Any:
        if how == "eager" or self.setting.small:
            return work
        torch._dynamo.config.recompile_limit = 64
        mode = "max-autotune-no-cudagraphs" if how == "tuned" else None
        return torch.compile(work, dynamic=False, mode=mode)

    def _repeated(self, work: Callable[..., Tensor], *inputs: Tensor) -> Callable[[], Tensor]:
        """A work on inputs that stay, as one CUDA graph on the card."""
        quiet = torch.no_grad()(work)
        return Graph(quiet, *inputs).replay if self.on_card else partial(quiet, *inputs)

    def _graph(self, work: Callable[..., Tensor], *inputs: Tensor) -> Callable[..., Tensor]:
        """A work on inputs such as these, as one CUDA graph on the card."""
        quiet = torch.no_grad()(work)
        return Graph(quiet, *inputs) if self.on_card else quiet

    def _rates(self, images: int, work: Callable[[], Any]) -> Row:
        quiet = torch.no_grad()(work)
        seconds = self.setting.seconds(quiet)
        row = {
            "images": images,
            "seconds": seconds,
            "images_per_second": images / seconds,
            "teraflops": 2e-12 * self._needed(images) / seconds,
            "gigabytes": self.setting.peak(quiet),
        }
        gc.collect()
        return row

    def _noise(self, images: int) -> Tensor:
        side = self.clip.statistics.side
        shape = (self._crops(images), side, 3, side)
        return torch.randn(shape, device=self.setting.device).bfloat16()

    def _crops(self, images: int) -> int:
        return images * self.setting.masks

    def _needed(self, images: int) -> int:
        """Multiply-adds of their crops."""
        return operations.encode(self.model.cfg, self._crops(images))
