"""What a graphics card makes of the code: is it right, how fast is it, what could it be.

    python benchmarks/gpu.py [--seconds 300] [--only PART ...] [--out FOLDER] [--small]

Parts have shares of the seconds, and none is stopped by another's failure: ``now`` is the CLIP
stage with 50 masks an image as the code stands; ``parity`` compares all methods with the
processor in fp32, and so do ``offline``, ``freesolo``, ``sam`` and ``sam2`` their networks;
``reachable`` is a prototype of the CLIP stage. Writes ``gpu.json`` after each work, so that what
was measured stays when the program is stopped. ``--small --device cpu`` rehearses it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cases
import gpu_now
import gpu_others
import gpu_parity
import gpu_reachable
import torch
from cases import Model
from gpu_run import EMBEDDED, Row, Setting, Work, collect
from harness import RESULTS, write
from precision import TEXT, VISION

from refmask.clip.vit import PAPER_MASK_LAYERS

#: Parts in their order, and each one's share of the time; what it leaves over, the next ones have.
PARTS: dict[str, tuple[Callable[[Setting], Iterator[Work]], float]] = {
    "now": (gpu_now.works, 0.2),
    "parity": (gpu_parity.works, 0.25),
    **{name: (partial(gpu_others.works, name), 0.05) for name in gpu_others.NETWORKS},
    "reachable": (gpu_reachable.works, 0.35),
}
TIMED = {"ViT-B/32": 3, "ViT-L/14": 4}
COMPARED = ("ViT-B/32", "RN50", "ViT-L/14")


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=300.0, help="for all parts together")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of gpu.json")
    parser.add_argument("--small", action="store_true", help="tiny models: a rehearsal")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        setting = prepared(torch.device(chosen.device), Path(folder), chosen.small)
        setting.write_weights()
        measure(setting, chosen.only or list(PARTS), chosen.seconds, chosen.out)


def measure(setting: Setting, parts: list[str], seconds: float, out: Path) -> dict[str, Any]:
    """Run some parts and write what they give."""
    content: dict[str, Any] = {"card": card(setting.device), "parts": {}}
    until = time.perf_counter()
    for name in parts:
        works, share = PARTS[name]
        until += share * seconds / sum(PARTS[part][1] for part in parts)
        rows: list[Row] = []
        content["parts"][name] = {"rows": rows}
        try:
            for row in collect(works(setting), until):
                rows.append(row)
                print(name, row, flush=True)
                write("gpu", content, out)
        except Exception as error:  # of what prepares a part; the others go on
            content["parts"][name]["error"] = f"{type(error).__name__}: {error}"[:500]
            print(name, content["parts"][name]["error"], flush=True)
    print(write("gpu", content, out))
    return content


def prepared(device: torch.device, folder: Path, small: bool) -> Setting:
    """The models: tiny ones, the embedded one and the published sizes, of which alone are timed."""
    tiny = [
        Model(
            name,
            {"embed_dim": 64, "quick_gelu": True, "vision_cfg": vision, "text_cfg": TEXT},
            PAPER_MASK_LAYERS.get((vision["patch_size"], vision["width"], vision["layers"]))
            if vision["patch_size"]
            else None,
        )
        for name, vision in ((n, {"image_size": 224, **v}) for n, v in VISION.items())
    ]
    if small:
        return Setting(device, folder, (tiny[2],), (tiny[0],), (tiny[0],), masks=4, small=True)
    timed = tuple(cases.model(name, layers) for name, layers in TIMED.items())
    large = tuple(cases.model(name, TIMED.get(name)) for name in COMPARED)
    return Setting(device, folder, (*tiny, Model(EMBEDDED, {})), large, timed)


def card(device: torch.device) -> dict[str, Any]:
    """Its name and what it holds."""
    if device.type != "cuda":
        return {"name": str(device)}
    told = torch.cuda.get_device_properties(device)
    return {
        "name": told.name,
        "gigabytes": round(told.total_memory / 1e9, 1),
        "multiprocessors": told.multi_processor_count,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


if __name__ == "__main__":
    main()
