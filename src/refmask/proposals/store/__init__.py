"""``store:PATH`` and ``--store``: proposals made once, read ever after; see ``refmask.store``."""

from refmask.proposals.store.folder import Store
from refmask.proposals.store.proposers import FromStore, Stored, from_store

__all__ = ["FromStore", "Store", "Stored", "from_store"]
