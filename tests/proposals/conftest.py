"""Settings with which each proposer runs offline and fast: small models with test weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

#: Fixtures by proposer that give its settings; a proposer that needs none is not named.
SETTINGS: dict[str, str] = {}


@pytest.fixture(scope="session")
def proposer_settings(request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """The settings of a proposer by its name."""
    return lambda name: request.getfixturevalue(SETTINGS[name]) if name in SETTINGS else {}
