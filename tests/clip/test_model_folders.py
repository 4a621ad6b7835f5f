"""Model folders: Hugging Face's tokenizers and text models in them, and what they may not do."""

import copy
import gzip
import json
import os
from pathlib import Path

import open_clip
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from refmask import ModelError, RefmaskError, WeightsError, WeightsUnavailable, load_clip
from refmask.clip.configuration import CONFIG_FILE

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "red", "duck", "man"]
VISION = {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16}
TEXT = {
    **{"context_length": 9, "vocab_size": len(WORDS), "width": 32, "heads": 2, "layers": 1},
    **{"hf_tokenizer_name": "org/repo", "pool_type": "last", "no_causal_mask": True},
}
FOREIGN = {
    **{"context_length": 9, "hf_tokenizer_name": "org/repo", "hf_model_name": "org/text"},
    **{"hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler"},
}
BERT = {
    **{"model_type": "bert", "vocab_size": len(WORDS), "hidden_size": 32, "pad_token_id": 0},
    **{"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    **{"max_position_embeddings": 16},
}
SENTENCES = ["the red duck", "a man", "the the the the the the the the"]
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture(scope="module")
def tokenizer_files(tmp_path_factory):
    """A small tokenizer of words, as its own library saves it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write(folder, text, model=None, **files):
    """A model folder; with a model its weights, too."""
    folder.mkdir(exist_ok=True)
    cfg = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text}
    (folder / CONFIG_FILE).write_text(json.dumps({"model_cfg": cfg}))
    if model is not None:
        state = {name: value.contiguous() for name, value in model.state_dict().items()}
        save_file(state, folder / "open_clip_model.safetensors")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def own():
    """open_clip's own model of ``TEXT``."""
    torch.manual_seed(0)
    cfg = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}
    return open_clip.CLIP(**copy.deepcopy(cfg)).eval().requires_grad_(False)


@pytest.fixture
def folder(tmp_path, own, tokenizer_files):
    return write(tmp_path / "model", TEXT, own, **tokenizer_files)


def ids_of(sentences):
    """What the small tokenizer makes of sentences."""
    rows = [[2, *(WORDS.index(word) for word in text.split()), 3] for text in sentences]
    cut = [row if len(row) <= 9 else [*row[:8], 3] for row in rows]
    return torch.tensor([row + [0] * (9 - len(row)) for row in cut])


@pytest.mark.filterwarnings("ignore:expected at most 9 tokens")
def test_a_tokenizer_in_the_folder_is_used(folder, own):
    clip = load_clip(str(folder), precision="fp32")
    assert torch.allclose(clip.encode_text(SENTENCES), own.encode_text(ids_of(SENTENCES)))
    (folder / "org" / "repo").mkdir(parents=True)
    for path in folder.glob("*token*.json"):
        path.rename(folder / "org" / "repo" / path.name)
    again = load_clip(str(folder), precision="fp32")
    assert again.encode_text(SENTENCES).equal(clip.encode_text(SENTENCES))


def test_a_tokenizer_that_is_not_there_is_not_fetched(folder):
    for path in folder.glob("*token*.json"):
        path.unlink()
    with pytest.raises(ModelError, match=r"needs the tokenizer org/repo, .* no tokenizer\.json"):
        load_clip(str(folder))


def test_a_tokenizer_of_a_hubs_repository_comes_from_the_hub(
    folder, monkeypatch, tokenizer_files, hub_cache
):
    hub, cached = folder.parent / "there", hub_cache("org/clip")
    hub.mkdir()
    for name in tokenizer_files:
        (folder / name).rename(hub / name)
    for path in folder.iterdir():
        path.rename(cached / path.name)
    asked = []

    def snapshot(repository, allow_patterns):
        asked.append(repository)
        assert not any("*" in name or name.endswith(".py") for name in allow_patterns)
        if repository == "org/away":
            raise OSError("no network")
        return str(hub)

    monkeypatch.setattr("refmask.weights.hub.snapshot_download", snapshot)
    assert load_clip("hf-hub:org/clip").encode_text(["a"]).shape == (1, 16)
    assert asked == ["org/repo"]
    write(cached, TEXT | {"hf_tokenizer_name": "org/away"})
    with pytest.raises(WeightsUnavailable, match="the tokenizer org/away"):
        load_clip("hf-hub:org/clip")


PROGRAM = "from pathlib import Path; Path(r'{}').write_text('')\nclass Own: pass\n"


@pytest.mark.parametrize("trust", [{}, {"trust_remote_code": True}])
def test_no_code_of_a_tokenizers_is_run(folder, trust):
    mark = folder / "was-here"
    (folder / "own.py").write_text(PROGRAM.format(mark))
    told = json.loads((folder / "tokenizer_config.json").read_text())
    told |= trust | {"tokenizer_class": "Own"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    assert load_clip(str(folder)).encode_text(["a"]).shape == (
        1,
        16,
    )  # by what the file itself says
    told |= {"auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    with pytest.raises(ModelError, match=r"tokenizer_config\.json names code of its own"):
        load_clip(str(folder))
    assert not mark.exists()


@pytest.mark.parametrize(
    "told",
    [
        {"auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}},
        {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}},
        {"attn_implementation": "org/kernel", "_attn_implementation": "org/kernel"},
    ],
)
def test_no_code_of_a_text_models_is_run(tmp_path, tokenizer_files, told):
    folder = write(tmp_path, FOREIGN, bert(tmp_path), **tokenizer_files)
    mark = folder / "was-here"
    (folder / "own.py").write_text(PROGRAM.format(mark))
    (folder / "config.json").write_text(json.dumps(BERT | told))
    if "auto_map" in told:
        with pytest.raises(ModelError, match="code of its own"):
            load_clip(str(folder))
    else:  # passed over
        assert load_clip(str(folder)).encode_text(["a"]).shape == (1, 16)
    assert not mark.exists()


def bert(tmp_path):
    """open_clip's own model of ``FOREIGN``."""
    place = tmp_path / "bert"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(BERT))
    text = FOREIGN | {"hf_model_name": str(place), "hf_model_pretrained": False}
    made = open_clip.CustomTextCLIP(embed_dim=16, vision_cfg=dict(VISION), text_cfg=text)
    return made.eval().requires_grad_(False)


def test_a_text_model_of_transformers_is_built_from_its_numbers(tmp_path, tokenizer_files):
    own = bert(tmp_path)
    folder = write(tmp_path, FOREIGN, own, **tokenizer_files)
    with pytest.raises(ModelError, match=r"needs the text model org/text, .* no config\.json"):
        load_clip(str(folder))
    (folder / "config.json").write_text(json.dumps(BERT))
    clip = load_clip(str(folder), precision="fp32")
    ids = ids_of(SENTENCES[:2])
    assert torch.allclose(clip.encode_text(SENTENCES[:2]), own.encode_text(ids), atol=1e-6)
    (folder / "config.json").write_text(json.dumps(BERT | {"vocab_size": 2_000_000}))
    with pytest.raises(WeightsError, match=r"too small for the \d{8} weights"):
        load_clip(str(folder))
    (folder / "config.json").write_text(json.dumps(BERT | {"num_hidden_layers": 10**9}))
    with pytest.raises(ModelError, match="num_hidden_layers must be a whole number from 1 to 256"):
        load_clip(str(folder))


@pytest.fixture
def merges(tmp_path, own):
    """Writes a folder whose configuration names a file of merges, and loads it."""

    def load(named):
        text = {"vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
        folder = write(tmp_path / "model", text | {"tokenizer_kwargs": {"bpe_path": named}}, own)
        return load_clip(str(folder))

    (tmp_path / "model").mkdir()
    (tmp_path / "outside.gz").write_bytes(gzip.compress(b"#version\na b"))
    return load


@pytest.mark.parametrize(
    "named", ["../../../../etc/passwd", "/etc/passwd", "a/../../outside.gz", "..\\outside.gz"]
)
def test_paths_that_lead_outside_are_not_opened(merges, named):
    with pytest.raises(ModelError, match=r"lies outside .*; only files in it are read"):
        merges(named)


def test_links_that_lead_outside_are_not_opened(merges, tmp_path):
    (tmp_path / "model" / "link.gz").symlink_to(tmp_path / "outside.gz")
    (tmp_path / "model" / "loop.gz").symlink_to(tmp_path / "model" / "loop.gz")
    for named in ("link.gz", "loop.gz"):
        with pytest.raises(ModelError, match="lies outside"):
            merges(named)


def test_a_folder_of_a_hubs_cache_has_links(tmp_path, own, tokenizer_files):
    blobs = tmp_path / "models--org--clip" / "blobs"
    snapshot = tmp_path / "models--org--clip" / "snapshots" / "0123"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(write(tmp_path / "m", TEXT, own, **tokenizer_files).iterdir()):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(Path("..", "..", "blobs", str(number)))
    assert load_clip(str(snapshot)).encode_text(["a"]).shape == (1, 16)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no merges", "no whole gzip file"),
        (gzip.compress(b"a b")[:-9], "no whole gzip file"),
        (gzip.compress(bytes(64_000_001)), "merges.gz, unpacked, would take 64000001 bytes"),
        (gzip.compress(b"\xff\n\xff"), "not UTF-8 text"),
        (gzip.compress(b"#version\nab c"), r"merges\.gz holds no merges: .*Token `ab`"),
        (None, "there is no file"),
    ],
    ids=["text", "cut", "bomb", "bytes", "no letter", "absent"],
)
def test_merges_that_cannot_be_used(merges, tmp_path, content, told):
    if content is not None:
        (tmp_path / "model" / "merges.gz").write_bytes(content)
    with pytest.raises(ModelError, match=told):
        merges("merges.gz")


def test_more_tokens_than_the_model_knows(folder):
    write(folder, TEXT | {"vocab_size": len(WORDS) - 1})
    with pytest.raises(ModelError, match="has 9 tokens, its text model knows 8"):
        load_clip(str(folder))


def test_a_file_that_is_too_large_for_a_tokenizer(folder):
    with (folder / "vocab.txt").open("wb") as file:
        os.truncate(file.fileno(), 64_000_001)
    with pytest.raises(ModelError, match=r"vocab\.txt would take 64000001 bytes"):
        load_clip(str(folder))


@given(st.data())
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_tokenizers_only_give_our_errors(folder, tokenizer_files, data):
    name = data.draw(st.sampled_from(sorted(tokenizer_files)))
    content = json.loads(tokenizer_files[name])
    key = data.draw(st.sampled_from(sorted(content)))
    content[key] = data.draw(
        st.none()
        | st.booleans()
        | st.integers(-2, 2**70)
        | st.text(max_size=3)
        | st.lists(st.integers(0, 9), max_size=2)
        | st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2)
    )
    for each, whole in tokenizer_files.items():
        (folder / each).write_bytes(json.dumps(content).encode() if each == name else whole)
    told = "one line"
    try:
        load_clip(str(folder)).encode_text(["a red duck"])
    except RefmaskError as error:
        told = str(error)
    assert "\n" not in told
