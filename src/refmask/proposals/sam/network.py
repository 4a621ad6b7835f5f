"""The network: an image is embedded once, then asked at as many points as one likes."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional

from refmask.errors import ModelError, WeightsError
from refmask.ops.devices import exact_convolutions
from refmask.proposals.sam.source import Family, Source, missing_library
from refmask.types import UInt8Array


@dataclass(frozen=True, eq=False)
class Network:
    """A loaded SAM or SAM 2 with all it needs to read images and points.

    Letters: S the side of the square input, s that of the mask logits (S / 4), P points, K the
    masks that each point gets (3).

    Attributes:
        model: transformers' model, in evaluation mode, on ``device``.
        side: S, in pixels.
        mean: per channel, of pixels from 0 to 1.
        std: per channel, of pixels from 0 to 1.
        stretched: see ``source.Family``.
        device: where it computes.
        precision: torch.float32 or torch.bfloat16, of the image encoder. Points and masks are
            computed in float32 always: bfloat16 places a point only to within pixels.
    """

    model: Any
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stretched: bool
    device: torch.device
    precision: torch.dtype

    def frame(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the part of the input that an image fills, at least 1 each."""
        if self.stretched:
            return self.side, self.side
        scale = self.side / max(height, width)
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    def embed(self, image: UInt8Array) -> Any:
        """What the image encoder sees, float32, for :meth:`decode`.

        The image is resized bilinearly with antialiasing, as whole numbers, as for training.

        Args:
            image: uint8 RGB (H, W, 3).
        """
        height, width = self.frame(*image.shape[:2])
        pixels = torch.tensor(image).permute(2, 0, 1)[None]
        # On the processor whatever the device: rounding to uint8 is then the same everywhere.
        pixels = functional.interpolate(pixels, (height, width), mode="bilinear", antialias=True)
        pixels = pixels.to(self.device).float().div_(255)
        mean, std = (
            torch.tensor(values, device=self.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        pixels = functional.pad(
            (pixels - mean) / std, (0, self.side - width, 0, self.side - height)
        )
        faster = self.precision is not torch.float32
        with (
            exact_convolutions(self.precision),
            torch.autocast(self.device.type, self.precision, enabled=faster),
        ):
            seen = self.model.get_image_embeddings(pixels)
        return [level.float() for level in seen] if isinstance(seen, list) else seen.float()

    def decode(self, seen: Any, points: Tensor) -> tuple[Tensor, Tensor]:
        """Masks of what lies at each point.

        Args:
            seen: from :meth:`embed`.
            points: float32 (P, 2), x and y in the input's pixels.

        Returns:
            Logits float32 (P, K, s, s) over the input, and the IoU with the true mask that the
            model predicts for each, float32 (P, K).
        """
        asked = points.to(self.device)[None, :, None]  # (1, P, 1, 2): P prompts of one point
        with exact_convolutions(torch.float32):
            answer = self.model(image_embeddings=seen, input_points=asked, multimask_output=True)
        return answer.pred_masks[0].float(), answer.iou_scores[0].float()

    def enlarge(self, logits: Tensor, height: int, width: int) -> Tensor:
        """Logits at the image's own size, bilinearly, without the input's padding.

        Args:
            logits: float32 (M, s, s).
            height: of the image, pixels.
            width: of the image, pixels.

        Returns:
            float32 (M, height, width).
        """
        full = logits[:, None]
        if not self.stretched:
            high, wide = self.frame(height, width)
            full = functional.interpolate(full, (self.side, self.side), mode="bilinear")
            full = full[..., :high, :wide]
        return functional.interpolate(full, (height, width), mode="bilinear")[:, 0]


def load_network(
    source: Source, family: Family, device: torch.device, precision: torch.dtype
) -> Network:
    """Build a model and fill it with its weights.

    Raises:
        MissingResource: when transformers does not know the family.
        ModelError: when the model cannot be built as its ``config.json`` says.
        WeightsError: when weights are damaged, missing, of another shape, NaN or infinite.
    """
    model, report = _build(source, family)
    missing, shapes = sorted(report["missing_keys"]), sorted(report["mismatched_keys"])
    if missing or shapes:
        faults = [f"{len(missing)} missing (such as {missing[0]})"] if missing else []
        faults += [f"{len(shapes)} of another shape (such as {shapes[0][0]})"] if shapes else []
        raise WeightsError(
            f"weights in {source.folder} do not fit its config.json: {'; '.join(faults)}; "
            "fetch them again"
        )
    broken = [name for name, value in model.state_dict().items() if not torch.isfinite(value).all()]
    if broken:
        raise WeightsError(
            f"weights in {source.folder} hold NaN or infinity in {broken[0]} and "
            f"{len(broken) - 1} other parameters; fetch them again"
        )
    return Network(
        model=model.eval().requires_grad_(False).to(device),
        side=_side(model.config, source),
        mean=source.mean,
        std=source.std,
        stretched=family.stretched,
        device=device,
        precision=precision,
    )


def _build(source: Source, family: Family) -> tuple[Any, dict[str, Any]]:
    """The model with its weights, and what transformers says about their fit."""
    try:
        import transformers

        kind = getattr(transformers, family.model_class)
    except (ImportError, AttributeError):
        raise missing_library(family) from None
    try:
        with _quiet():
            with torch.device("meta"):
                config = kind.config_class.from_pretrained(source.folder, local_files_only=True)
                values = sum(parameter.numel() for parameter in kind(config).parameters())
            if values > sum(file.stat().st_size for file in source.weights):
                # What is missing there would be made, however large.
                raise WeightsError(
                    f"weights in {source.folder} are too few for its config.json, which describes "
                    f"{values}; fetch both again"
                )
            loaded: tuple[Any, dict[str, Any]] = kind.from_pretrained(
                source.folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                attn_implementation="sdpa",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except WeightsError:
        raise
    except SafetensorError as error:
        raise WeightsError(
            f"weights in {source.folder} are damaged: {_line(error)}; fetch them again"
        ) from None
    except Exception as error:  # of many kinds, by what a configuration may get wrong
        raise ModelError(
            f"transformers cannot build the model in {source.folder}: {_line(error)}; "
            "fetch it again"
        ) from None
    return loaded


def _side(config: Any, source: Source) -> int:
    vision = getattr(config.vision_config, "backbone_config", config.vision_config).image_size
    side = config.prompt_encoder_config.image_size
    if not isinstance(side, int) or vision not in (side, [side, side], (side, side)):
        raise ModelError(
            f"expected one square image_size in {source.folder}'s config.json, got {vision} for "
            f"the image encoder and {side} for the prompts; fetch it again"
        )
    return side


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and remarks: what matters is raised in our words."""
    import transformers

    remarks: Any = transformers.utils.logging
    level, bars = remarks.get_verbosity(), remarks.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        remarks.set_verbosity(logging.CRITICAL)
        remarks.disable_progress_bar()
        try:
            yield
        finally:
            remarks.set_verbosity(level)
            if bars:
                remarks.enable_progress_bar()


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
