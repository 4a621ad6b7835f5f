"""What a command leaves out of open_clip's import comes when it is needed."""

import subprocess
import sys

import pytest

LEFT_OUT = """
import sys
from refmask.cli import lean
lean.import_less()
import open_clip
assert not {"timm", "torch._dynamo"} & set(sys.modules), "not left out"
import timm, torch, torchvision
whole = torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), [torch.tensor([[0.0, 0, 8, 8]])], 2)
assert whole.eq(1).all() and timm.create_model("vit_tiny_patch16_224") is not None
assert torch._dynamo.utils.is_compile_supported is not lean._is_compile_supported
from transformers.utils.import_utils import is_timm_available
assert is_timm_available(), "remembered as absent"
assert open_clip.__spec__.loader.is_package("open_clip")
"""

#: Libraries that ask for more than the stand-ins have.
IN_FULL = """
import contextlib, sys
from refmask.cli import lean
@contextlib.contextmanager
def wanting():
    sys.modules["torchvision"] = None
    try:
        yield
    finally:
        del sys.modules["torchvision"]
lean._for_open_clip = wanting
lean.import_less()
import open_clip, torchvision
assert open_clip.CLIP and torchvision.ops.roi_align and "timm" in sys.modules
"""


@pytest.mark.parametrize("code", [LEFT_OUT, IN_FULL])
def test_open_clip_is_whole(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


WITHOUT_COMMANDS = """
import sys
from refmask.cli import lean
lean.import_less()
import spacy
assert not {"spacy.cli", "typer", "weasel"} & set(sys.modules), "not left out"
assert spacy.info(silent=True)["spacy_version"] == spacy.__version__
from spacy.cli import download
assert spacy.cli.__file__ and "typer" in sys.modules
assert spacy.__spec__.loader.is_package("spacy")
"""

RARELY = """
import gc, weakref
from refmask.cli import lean
class Knot: pass
def tie():
    knot = Knot()
    knot.own = knot
    return weakref.ref(knot)
tied = tie()
lean.collect_less()
kept = [[] for _ in range(2000)]
assert tied() is not None, "looked already"
kept += [[] for _ in range(2 * lean.MANY)]
assert tied() is None, "never looks"
"""


@pytest.mark.parametrize("code", [WITHOUT_COMMANDS, RARELY])
def test_a_command_does_less(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
