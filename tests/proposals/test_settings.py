"""Settings of proposers, from text and from Python."""

import dataclasses

import numpy as np
import pytest

from refmask.errors import ConfigurationError
from refmask.proposals import load_proposer
from refmask.proposals.settings import build, parse


@dataclasses.dataclass(frozen=True)
class Example:
    weights: str | None = None
    limit: int | None = None
    share: float = 0.5
    flip: bool = False

    def propose(self, image):
        raise NotImplementedError


def made(**settings):
    return build("example", __name__, "Example", settings, {"share": 0.9, "device": "cpu"})


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    import importlib
    import types

    module = types.SimpleNamespace(Example=Example)
    real = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda name, *a: module if name == __name__ else real(name, *a)
    )


def test_texts_become_what_the_fields_are():
    assert made(weights="3", limit="3", share="0.25", flip="yes") == Example("3", 3, 0.25, True)


def test_defaults_are_taken_where_the_proposer_has_them():
    assert made() == Example(share=0.9)
    assert made(share=0.1).share == 0.1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"limt": "3"}, "no setting limt; they take weights, limit, share, flip"),
        ({"limit": "many"}, "limit is a whole number, not 'many'"),
        ({"flip": "maybe"}, "flip is yes or no, not 'maybe'"),
    ],
)
def test_wrong_settings_are_told(settings, told):
    with pytest.raises(ConfigurationError, match=told):
        made(**settings)


def test_a_specification_holds_settings():
    assert parse("x", "a=1,b=c=d") == {"a": "1", "b": "c=d"}
    assert load_proposer("grouping:limit=7,floor=0.5").limit == 7
    assert load_proposer("grouping:limit=7", settings={"limit": 8}).limit == 8
    with pytest.raises(ConfigurationError, match="NAME:key=value"):
        load_proposer("grouping:7")


def test_a_limit_limits():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert len(load_proposer("grouping:limit=3,floor=0").propose(image)) == 3
