"""Texts through the model: as open_clip encodes them, no further than needed, and once."""

import copy
from pathlib import Path

import open_clip
import pytest
import torch

from refmask import ExpressionError, RefmaskWarning, load_clip
from refmask.clip.adapter import other_text_tower
from refmask.clip.kernels import text_tower_of
from refmask.clip.kernels.blocks import FastBlock
from refmask.clip.kernels.text import NODES, CausalTower
from refmask.clip.model import text_tower
from refmask.clip.sources import Source

VISION = {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16}
WIDTH = {"width": 32, "heads": 2, "layers": 3}
END = 49407

TEXTS = [
    "the man in the red shirt on the left",
    "",
    "duck",
    "a naïve 🦆, isn't it",
    "the end <end_of_text> twice",
    "duck " * 75,  # just fits
    "one word more than are read, " * 20,
    "duck",
]

CAUSAL = [
    {},
    {"quick_gelu": True},
    {"custom_text": True},
    {"custom_text": True, "proj_bias": True},
    {"custom_text": True, "proj_type": "none"},
    {"proj_type": "none"},
    {"proj_bias": True},
    {"pool_type": "eos", "eos_id": END},
    {"custom_text": True, "pool_type": "eos", "eos_id": END},
    {"pool_type": "first"},
    {"custom_text": True, "pool_type": "last"},
    {"ls_init_value": 0.5},
    {"width": 48, "heads": 3, "layers": 1, "mlp_ratio": 2.0},
    {"act_kwargs": {"approximate": "tanh"}, "norm_kwargs": {"eps": 1e-3}},
]
OTHERS = [
    {"no_causal_mask": True},
    {"custom_text": True, "no_causal_mask": True, "pool_type": "last"},
    {"custom_text": True, "embed_cls": True},
    {"scale_fc": True},
    {"custom_text": True, "qk_norm": True},
]


def configured(**settings):
    """A small model's configuration: ``quick_gelu`` is its own setting, the rest its text's."""
    quick = settings.pop("quick_gelu", False)
    settings.pop("custom_text", False)
    cfg = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": WIDTH | settings}
    if settings.get("proj_type") == "none":
        cfg["text_cfg"]["width"] = 24
    return cfg | {"quick_gelu": quick}


def built(**settings):
    """open_clip's model of random weights, with its text tower as a module of its own or not."""
    torch.manual_seed(0)
    kind = open_clip.CustomTextCLIP if settings.get("custom_text") else open_clip.CLIP
    model = kind(**copy.deepcopy(configured(**settings))).eval().requires_grad_(False)
    for parameter in model.parameters():  # biases and norms start out as zeros and ones
        parameter += 0.05 * torch.randn(parameter.shape)
    return model


@pytest.fixture(scope="module")
def plain(ours):
    """A text tower of ours, in fp32."""
    return text_tower_of(ours(configured(), built()).text, torch.float32)


def close(one, two, relative=1e-5):
    return (one - two).norm() <= relative * two.norm()


@pytest.mark.parametrize("settings", CAUSAL, ids=str)
def test_the_models_own_features(settings, ours):
    model = built(**settings)
    text = ours(configured(**settings), model).text
    tower = text_tower_of(text, torch.float32)
    ids = open_clip.tokenize(TEXTS)
    assert isinstance(tower, CausalTower)
    assert close(text(ids), model.encode_text(ids))
    assert close(tower(ids), model.encode_text(ids))
    for row in ids[[1, 2, 5]]:
        assert close(tower(row[None]), model.encode_text(row[None]))


@pytest.mark.parametrize("settings", OTHERS, ids=str)
def test_other_transformers_answer_themselves(settings):
    model, cfg = built(**settings), configured(**settings)
    assert text_tower(cfg) is None
    text = other_text_tower(Source("a test's", cfg), Path("no.safetensors")).eval()
    names = text.state_dict().keys()
    state = {k.removeprefix("text."): v for k, v in model.state_dict().items()}
    text.load_state_dict({name: state[name] for name in names}, assign=True)
    tower = text_tower_of(text.requires_grad_(False), torch.bfloat16)
    ids = open_clip.tokenize(TEXTS)
    assert tower(ids).equal(model.encode_text(ids))


def test_order_and_company_do_not_matter(plain):
    tower = plain
    words = ["duck " * count for count in range(1, 75)]
    ids = open_clip.tokenize(words)
    assert sum(range(3, 77)) > NODES
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))
    together = tower(ids)
    assert close(tower(ids[order]), together[order])
    assert close(tower(ids[40:41]), together[40:41])


def test_nothing_behind_the_ends_is_computed(monkeypatch, ours):
    sizes = []

    class Watched(FastBlock):
        def __call__(self, tokens, queries=None, bias=None):
            asked = tokens if queries is None else queries
            sizes.append((tuple(tokens.shape[:2]), asked.shape[1]))
            return super().__call__(tokens, queries, bias)

    monkeypatch.setattr("refmask.clip.kernels.text.FastBlock", Watched)
    tower = text_tower_of(ours(configured(), built()).text, torch.float32)
    tower(open_clip.tokenize(["a duck on a chair", "a duck", "duck", "a duck"]))
    # start, a, duck, on, a, chair, end; end; duck, end
    assert sizes == [((1, 10), 10), ((1, 10), 10), ((1, 10), 4)]
    sizes.clear()
    words = [f"{first} {second}" for first in "abcdefghij" for second in "abcdefghij"]
    tower(open_clip.tokenize(words))
    # start is in each of the batches, 10 first words, 100 second ones and as many ends
    ours = sizes[:: len(tower.blocks)]
    assert sum(count for (_, count), _ in ours) < 2 * 100 + 2 * 10
    assert all(count <= NODES for (_, count), _ in ours)


def test_bf16_stays_near_fp32(model_files, golden_model):
    exact = golden_model("tiny_vit32")
    rough = load_clip(*model_files("tiny_vit32"), precision="bf16")
    one, two = (clip.encode_text(["the red duck", "a man"]) for clip in (exact, rough))
    assert one.dtype == two.dtype == torch.float32
    assert not one.equal(two)
    assert torch.cosine_similarity(one, two).min() > 0.99


@pytest.fixture
def watched(model_files, monkeypatch):
    """A model, and the ids of each call of its text tower."""
    seen = []

    def watch(model, precision):
        tower = text_tower_of(model, precision)
        return lambda ids: seen.append(ids) or tower(ids)

    monkeypatch.setattr("refmask.clip.backbone.text_tower_of", watch)
    return load_clip(*model_files("tiny_vit32")), seen


def test_each_text_is_computed_once(watched):
    clip, seen = watched
    first = clip.encode_text(["a duck", "the man", "a duck", "A  duck"])
    assert [len(ids) for ids in seen] == [2]
    assert first[0].equal(first[2])
    assert first[0].equal(first[3])  # the tokenizer reads both alike
    second = clip.encode_text(["the man"])
    assert [len(ids) for ids in seen] == [2, 1]  # nothing is kept
    assert torch.allclose(second[0], first[1], atol=1e-4)
    assert clip.encode_text([]).shape == (0, clip.dim)


def test_long_texts_are_told_each_time(watched):
    clip, _ = watched
    fits, long = "duck " * 75, "duck " * 76
    clip.encode_text([fits])
    for _ in range(2):
        with pytest.warns(RefmaskWarning, match=r"at most 77 tokens, 'duck .* has more"):
            cut = clip.encode_text(["a", long])
    assert cut[1].equal(clip.encode_text([fits])[0])
    with pytest.raises(ExpressionError, match="at most 77 tokens"):
        clip.encode_text([fits, long], refuse_long=True)
    clip.encode_text([fits], refuse_long=True)
