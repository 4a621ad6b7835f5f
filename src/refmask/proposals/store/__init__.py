"""``store:PATH`` and ``--store``: proposals made once, read ever after.

A store is a folder::

    refmask-store.json                      marks it, and names its format
    CONFIGURATION/configuration.json        a proposer's settings, for people to read
    CONFIGURATION/ab/PICTURE.masks          what it proposed for one picture

CONFIGURATION and PICTURE are SHA-256: of the proposer's full configuration, and of the picture's
size and pixels, so that file names do not matter. Each file is there whole or not at all, and
carries a checksum and whose masks it holds; two stores become one by copying one over the other.
A writer that is killed may leave a hidden temporary file, which nobody reads.
"""

from refmask.proposals.store.folder import Store, picture_hash
from refmask.proposals.store.proposers import FromStore, Stored, from_store

__all__ = [
    "FromStore",
    "Store",
    "Stored",
    "from_store",
    "picture_hash",
]
