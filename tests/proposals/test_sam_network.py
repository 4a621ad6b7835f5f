"""The network of SAM and SAM 2: equal to what transformers computes by its own processors."""

import json
import shutil

import numpy as np
import pytest
import torch

from refmask.proposals.sam import Sam, Sam2
from refmask.proposals.sam.automatic import point_grid
from refmask.proposals.sam.network import load_network
from refmask.proposals.sam.source import SAM, SAM2, find_model

FAMILIES = {"sam": SAM, "sam2": SAM2}
SIZES = [(60, 90), (90, 60), (64, 64), (1, 1), (5, 200), (300, 200)]
SIDE = 64


def _image(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _load(folder, name, precision=torch.float32):
    family = FAMILIES[name]
    return load_network(find_model(str(folder), family), family, torch.device("cpu"), precision)


def _processor(name):
    import transformers

    if name == "sam2":
        square = {"height": SIDE, "width": SIDE}
        return transformers.Sam2Processor(transformers.Sam2ImageProcessor(size=square))
    pixels = transformers.SamImageProcessor(
        size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE}
    )
    return transformers.SamProcessor(pixels)


@pytest.fixture(scope="module", params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(sam_folder, name):
    return _load(sam_folder(name), name)


@pytest.fixture(scope="module")
def processor(name):
    return _processor(name)


@pytest.mark.parametrize("size", SIZES)
@torch.inference_mode()
def test_masks_at_points_equal_those_of_transformers(network, processor, size):
    image = _image(*size)
    grid = point_grid(3)
    theirs_in = processor(
        image, input_points=[[[point] for point in (grid * torch.tensor(size[::-1])).tolist()]],
        return_tensors="pt", input_data_format="channels_last",
    )  # fmt: skip
    theirs = network.model(
        pixel_values=theirs_in["pixel_values"], input_points=theirs_in["input_points"].float()
    )
    ours = network.decode(network.embed(image), grid * torch.tensor(network.frame(*size)[::-1]))
    spread = theirs.pred_masks.std()
    torch.testing.assert_close(ours[0] / spread, theirs.pred_masks[0] / spread, atol=1e-3, rtol=0)
    torch.testing.assert_close(ours[1], theirs.iou_scores[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("size", SIZES)
@torch.inference_mode()
def test_masks_at_full_size_equal_those_of_transformers(network, processor, name, size):
    logits = torch.randn(6, 16, 16, generator=torch.Generator().manual_seed(0))
    sizes = [[size]] + ([[network.frame(*size)]] if name == "sam" else [])
    theirs = processor.image_processor.post_process_masks([logits[None]], *sizes, binarize=False)
    torch.testing.assert_close(network.enlarge(logits, *size), theirs[0][0])


def test_the_longest_thinnest_image_keeps_a_line(sam_folder):
    assert _load(sam_folder("sam"), "sam").frame(1, 5000) == (1, SIDE)


@torch.inference_mode()
def test_a_coarser_encoder_leaves_points_and_masks_precise(sam_folder, network, name):
    coarse = _load(sam_folder(name), name, torch.bfloat16)
    fine, rough = (some.embed(_image(60, 90)) for some in (network, coarse))
    levels = zip(
        *((seen if isinstance(seen, list) else [seen]) for seen in (fine, rough)), strict=True
    )
    for exact, close in levels:
        assert close.dtype == torch.float32
        assert 0 < (exact - close).abs().max() < 0.1 * exact.abs().max()
    points = torch.tensor([[10.3, 20.7]])
    torch.testing.assert_close(coarse.decode(fine, points), network.decode(fine, points))


@pytest.mark.parametrize("file", ["preprocessor_config.json", "processor_config.json"])
def test_pixels_are_normalised_as_the_folder_says(sam_folder, name, tmp_path, file):
    folder = tmp_path / "model"
    shutil.copytree(sam_folder(name), folder)
    stated = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    nested = {"image_processor": stated} if file == "processor_config.json" else stated
    (folder / file).write_text(json.dumps(nested))
    network = _load(folder, name)
    assert (network.mean, network.std) == ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    assert _load(sam_folder(name), name).mean == (0.485, 0.456, 0.406)
    settings = {"model": str(folder), "precision": "fp32"}
    kind = {"sam": Sam, "sam2": Sam2}[name]
    plain = kind(**settings | {"model": str(sam_folder(name))}).configuration()
    assert kind(**settings).configuration()["settings_sha256"] != plain["settings_sha256"]


@pytest.mark.parametrize(("size", "stability"), [((64, 64), 0.0), ((300, 300), 0.01)])
def test_proposals_equal_those_of_transformers_pipeline(
    sam_folder, name, processor, size, stability
):
    """On squares only: the pipeline puts SAM 2's points where a padded image would have them."""
    import transformers
    from PIL import Image

    folder, image = sam_folder(name), _image(*size)
    kept = {"pred_iou": -100, "stability": stability, "min_area": 0, "nms": 0.95}
    kind = {"sam": Sam, "sam2": Sam2}[name]
    ours = kind(str(folder), points_per_side=6, precision="fp32", **kept).propose(image)
    model = getattr(transformers, FAMILIES[name].model_class).from_pretrained(folder)
    pipeline = transformers.pipeline(
        "mask-generation", model=model, image_processor=processor.image_processor
    )
    answer = pipeline(
        Image.fromarray(image), points_per_crop=6, pred_iou_thresh=0.0,
        stability_score_thresh=stability, crops_nms_thresh=0.95,
    )  # fmt: skip
    theirs = [pair for pair in zip(answer["masks"], answer["scores"], strict=True) if pair[0].any()]
    assert len(ours) == len(theirs)
    for mask, quality, (their_mask, their_score) in zip(
        ours.masks, ours.quality, theirs, strict=True
    ):
        assert (mask != np.asarray(their_mask)).mean() < 1e-3
        assert quality == pytest.approx(float(their_score), rel=1e-3)
