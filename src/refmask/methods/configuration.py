"""What tells one model's features from another's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from refmask.methods.base import Encoder
from refmask.ops.devices import precision_name


def model_configuration(encoder: Encoder) -> dict[str, Any]:
    """A model by name, and what its features depend on, as JSON holds it; files by their names."""
    # The same weights give other features under another configuration, such as another GELU.
    told = [encoder.model_cfg, asdict(encoder.statistics)]
    settled = json.dumps(told, sort_keys=True, default=str)
    words = encoder.name.split(" ")
    return {
        "model": " ".join(Path(word).name if Path(word).exists() else word for word in words),
        "model_sha256": hashlib.sha256(settled.encode()).hexdigest(),
        "weights_sha256": encoder.weights_sha256,
        "precision": precision_name(encoder.precision),
    }
