"""What tells one model's features from another's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refmask.clip import ClipBackbone
from refmask.ops.devices import precision_name


def model_configuration(clip: ClipBackbone) -> dict[str, Any]:
    """A model by name, and what its features depend on, as JSON holds it; files by their names."""
    # The same weights give other features under another configuration, such as another GELU.
    settled = json.dumps([clip.model_cfg, asdict(clip.statistics)], sort_keys=True, default=str)
    words = clip.name.split(" ")
    return {
        "model": " ".join(Path(word).name if Path(word).exists() else word for word in words),
        "model_sha256": hashlib.sha256(settled.encode()).hexdigest(),
        "weights_sha256": clip.weights_sha256,
        "precision": precision_name(clip.precision),
    }
