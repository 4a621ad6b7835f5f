"""Configurations from outside: checked against a schema before anything is built."""

import copy
import json
from pathlib import Path

import open_clip
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refmask import ModelError, RefmaskError, load_clip
from refmask.clip.configuration import MODEL, NEEDED, read_configuration
from refmask.weights.configurations import Object, check

#: A model so small that it is built in an instant.
SMALL = {
    "embed_dim": 16,
    "vision_cfg": {
        "image_size": 32,
        "layers": 1,
        "width": 64,
        "head_width": 32,
        "patch_size": 16,
    },
    "text_cfg": {"context_length": 9, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_file(open_clip.CLIP(**copy.deepcopy(SMALL)).state_dict(), path)
    return str(path)


@pytest.mark.parametrize("name", open_clip.list_models())
def test_open_clips_own_models_are_known(name):
    cfg = open_clip.get_model_config(name)
    if "multimodal_cfg" in cfg:  # CoCa, which answers with more than features
        with pytest.raises(ModelError, match='"multimodal_cfg" is not known'):
            check(cfg, Object(MODEL, NEEDED), Path(name))
    else:
        check(cfg, Object(MODEL, NEEDED), Path(name))


def changed(place, value):
    """The small configuration with another value at a place such as ``text_cfg.width``."""
    cfg = copy.deepcopy(SMALL)
    *parents, last = place.split(".")
    within = cfg
    for parent in parents:
        within = within.setdefault(parent, {})
    within[last] = value
    return cfg


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("vision_cfg.layers", 10**9, "vision_cfg.layers must be a whole number from 1 to 256 or a"),
        ("vision_cfg.layers", [1, 2, 3], "vision_cfg.layers must be .* not a list of 3"),
        ("vision_cfg.layers", [1, 2, 3, 10**9], r"vision_cfg.layers must be .* list of 4"),
        ("vision_cfg.width", True, "width must be a whole number from 1 to 8192, not true"),
        ("vision_cfg.width", 64.0, "width must be a whole number from 1 to 8192, not 64.0"),
        ("vision_cfg.width", 10**39, r"from 1 to 8192, not 10{39};"),
        pytest.param("vision_cfg.width", 10**4000, "a whole number of 4001 digits", id="digits"),
        ("vision_cfg", [], "vision_cfg must be an object, not a list of 0"),
        ("vision_cfg.image_size", 4096, "image_size must be 1 to 64 times patch_size"),
        ("vision_cfg.image_size", 4, "image_size must be 1 to 64 times patch_size"),
        ("vision_cfg.patch_size", None, "vision_cfg.patch_size is missing"),
        ("vision_cfg.head_width", 65, "vision_cfg.width must be a multiple of the number of he"),
        ("vision_cfg.width", 100, "vision_cfg.width must be a multiple of the number of heads"),
        ("vision_cfg.mlp_ratio", 0.01, "vision_cfg.mlp_ratio leaves nothing of width"),
        ("text_cfg.heads", 3, "text_cfg.width must be a multiple of text_cfg.heads"),
        ("text_cfg.proj_type", "none", "text_cfg.width must be embed_dim where"),
        ("vision_cfg.mlp_ratio", float("nan"), "mlp_ratio must be a number from 0.01 to 64"),
        ("vision_cfg.act_kwargs", {"inplace": 1}, 'vision_cfg.act_kwargs."inplace" is not known'),
        ("vision_cfg.output_tokens", True, "output_tokens must be false, not true"),
        ("text_cfg.pool_type", "best", '"argmax" or "eos" or "none", not "best"'),
        ("text_cfg.hf_tokenizer_name", "a\nb", "must be a text of 1 to 200 printable characters"),
        ("text_cfg.tokenizer_kwargs", {"trust_remote_code": True}, '"trust_remote_code" is not kn'),
        ("text_cfg.tokenizer_kwargs", {"reduction_mask": "syntax"}, '"reduction_mask" is not kn'),
        ("text_cfg.tokenizer_kwargs", {"strip_sep_token": True}, "no setting of open_clip's"),
        ("quick_gelu", "yes", 'quick_gelu must be true or false, not "yes"'),
        ("device\n" + 100 * "x", 1, r'"device\\nx+\.\.\. is not known'),
        ("preprocess_cfg.std", [0.0, 1, 1], r"preprocess_cfg.std\[0\] must be a number from 1e-06"),
        ("refmask.alpha", 2, "refmask.alpha must be a number from 0 to 1, not 2"),
        ("embed_dim", {"a": {}}, "embed_dim must be a whole number from 1 to 8192, not an object"),
    ],
)
def test_a_fault_is_told_in_one_line(tmp_path, weights, place, value, told):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(changed(place, value)))
    with pytest.raises(ModelError, match=told) as error:
        load_clip(str(path), weights)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 350


def test_the_first_faults_are_told_at_once(tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"text_cfg": {"width": 0}, **dict.fromkeys("abc", 1)}))
    with pytest.raises(
        ModelError, match=r"embed_dim is .*; vision_cfg is .*; text_cfg.* 3 more; correct"
    ):
        read_configuration(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe{",
        b"[]",
        b"{" * 100_000,
        b'{"embed_dim":' + b"[" * 100_000,
        b'{"embed_dim": ' + b"9" * 5000 + b"}",
        b'{"embed_dim": "\\ud800"}',
        b" " * 10_000_001,
    ],
    ids=["empty", "bytes", "list", "braces", "deep", "digits", "surrogate", "long"],
)
def test_files_that_are_no_configuration(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.json") as error:
        load_clip(str(path))
    assert "\n" not in str(error.value)


def test_other_encodings_of_json_are_read(tmp_path):
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        (tmp_path / "model.json").write_text(json.dumps(SMALL), encoding=encoding)
        assert read_configuration(tmp_path / "model.json") == {"model_cfg": SMALL}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([64, 2**31, 2**63, 10**400])
    | st.floats()
    | st.text(st.characters(codec=None), max_size=5)
    | st.sampled_from(["../x", "/etc/passwd", "org/repo", "", "eos", "avg", "cascade"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
PLACES = [
    *(f"vision_cfg.{name}" for name in MODEL["vision_cfg"].fields),
    *(f"text_cfg.{name}" for name in MODEL["text_cfg"].fields),
    *(f"text_cfg.tokenizer_kwargs.{name}" for name in ("bpe_path", "clean", "strip_sep_token")),
    *("preprocess_cfg.mean", "preprocess_cfg.interpolation", "refmask.mask_layers", "x.y.z"),
    *MODEL,
]


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.usefixtures("no_network")
def test_whatever_is_in_a_configuration_only_our_errors_come(tmp_path, weights, changes):
    cfg = copy.deepcopy(SMALL)
    for place, value in changes:
        within = cfg
        *parents, last = place.split(".")
        for parent in parents:
            if not isinstance(within.get(parent), dict):
                within[parent] = {}
            within = within[parent]
        within[last] = value
    (tmp_path / "model.json").write_text(json.dumps(cfg))
    told = "one line"
    try:
        clip = load_clip(str(tmp_path / "model.json"), weights, precision="fp32")
        assert clip.encode_text(["a duck"]).shape == (1, 16)
    except RefmaskError as error:
        told = str(error)
    assert told.isprintable()
