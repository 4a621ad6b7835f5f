"""Every departure of the authors' released code from the paper, each a named field.

The defaults are the corrected method; ``reference(family)`` reproduces the released code number
for number. Each step reads the one field that concerns it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from refmask.errors import ConfigurationError

NAMES = ("default", "reference")

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Compat:
    """How each step behaves where paper and released code disagree.

    Attributes:
        imagenet_statistics: normalise pixels with ImageNet's mean and standard deviation
            instead of the weights' own.
        shorter_side: resize the image to this shorter side (pixels) before anything else.
        plain_bilinear: resize images, crops and masks bilinearly without antialiasing,
            instead of with the weights' interpolation, antialiased, and masks by covered area.
        crop_fill: value per channel, after normalisation, of pixels outside the mask in a
            crop; 0 is the mean colour.
        projected_boxes: crop to the centre of mass of the occupied columns and rows plus or
            minus half their count, truncated, instead of to the tight box.
        unit_places: (ResNet) L2-normalise the feature map at each position before masking.
        unit_global: L2-normalise global visual features before the blend of equation 5.
        unit_local: L2-normalise local visual features before the blend of equation 5.
        unit_text: L2-normalise text features before the blend of equation 8.
        cosine: L2-normalise both blends in the score (equation 1); else a plain dot product.
        released_phrases: lower-case an expression and join spaCy's tokens by spaces, and take the
            noun phrase around the last root or its first child only (``PhraseParser.reference``).
        uncapped_proposals: FreeSOLO's input has its shorter side at 800 pixels, its longer side
            truncated and without the limit of 1333.
        long_text_error: refuse a text longer than the model's context, instead of truncating it.
        padded_patches: (region token) cut patches from the image padded by half a patch less one
            pixel, which shifts them up and left.
        half_positions: (region token) round the position embedding to float16.
        sampled_regions: (region token) take a mask's patches from its nearest-neighbour copy at
            the grid (possibly none), instead of all patches that contain a pixel of it.
        finite_exclusion: (region token) exclude other patches from the attention by -100 on the
            logit instead of minus infinity.
        bias_seed: (score map) draw the biases of both projections from this seed, uniform within
            one over the root of their inputs, like an untrained layer's; None for the attention
            pool's own.
        scaled_maps: (score map) scale each enlarged map to 0..1 by its own extremes.
        unit_activations: (Grad-CAM) L2-normalise the activations at each position of the map.
        averaged_gradient: (Grad-CAM) weigh channels by the mean of their gradients over the
            positions, instead of the sum, which keeps scores on the scale of logits.
        negated_gradient: (Grad-CAM) take the gradient of minus the logit.
        negative_evidence: (Grad-CAM) keep negative values in the map.
        skip_without_proposals: (evaluation) leave expressions about an image without proposals
            out of the metrics, instead of counting them as IoU 0.
        overlap_is_background: (evaluation) treat the overlap of a target's polygons as background,
            instead of as the target.
    """

    imagenet_statistics: bool = False
    shorter_side: int | None = None
    plain_bilinear: bool = False
    crop_fill: tuple[float, float, float] = (0.0, 0.0, 0.0)
    projected_boxes: bool = False
    unit_places: bool = False
    unit_global: bool = True
    unit_local: bool = True
    unit_text: bool = True
    cosine: bool = True
    released_phrases: bool = False
    uncapped_proposals: bool = False
    long_text_error: bool = False
    padded_patches: bool = False
    half_positions: bool = False
    sampled_regions: bool = False
    finite_exclusion: bool = False
    bias_seed: int | None = None
    scaled_maps: bool = False
    unit_activations: bool = False
    averaged_gradient: bool = False
    negated_gradient: bool = False
    negative_evidence: bool = False
    skip_without_proposals: bool = False
    overlap_is_background: bool = False

    def __repr__(self) -> str:
        """One line: the record's name, or the fields that depart from the default."""
        for family in ("vit", "resnet"):
            if self == reference(family):
                return f"<Compat: reference, {family}>"
        changed = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return f"<Compat: {', '.join(changed) or 'default'}>"


def reference(family: str) -> Compat:
    """The released code's record for a tower family, "vit" or "resnet"."""
    resnet = family == "resnet"
    return Compat(
        imagenet_statistics=True,
        shorter_side=800,
        plain_bilinear=True,
        crop_fill=IMAGENET_MEAN,
        projected_boxes=True,
        unit_places=resnet,
        unit_global=False,
        unit_local=resnet,
        unit_text=resnet,
        cosine=not resnet,
        released_phrases=True,
        uncapped_proposals=True,
        long_text_error=True,
        padded_patches=True,
        half_positions=True,
        sampled_regions=True,
        finite_exclusion=True,
        bias_seed=0,
        scaled_maps=True,
        unit_activations=True,
        averaged_gradient=True,
        negated_gradient=True,
        negative_evidence=True,
        skip_without_proposals=True,
        overlap_is_background=True,
    )


def by_name(name: str, family: str) -> Compat:
    """The record called "default" or "reference" for a tower family.

    Raises:
        ConfigurationError: for any other name.
    """
    if name not in NAMES:
        raise ConfigurationError(f"compat is one of {', '.join(NAMES)}, not {name!r}")
    return reference(family) if name == "reference" else Compat()
