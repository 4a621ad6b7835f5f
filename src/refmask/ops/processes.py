"""Models do not survive a fork: torch's threads are not copied, and the child would wait forever.

Where this can be detected, an error is raised instead.
"""

from __future__ import annotations

import os

from refmask.errors import ConfigurationError

_state = {"used": False, "forked": False}


def use_here() -> None:
    """Record that this process computes with torch.

    Raises:
        ConfigurationError: when it was forked from one that did.
    """
    check_process()
    _state["used"] = True


def check_process() -> None:
    """Refuse to compute where it would hang.

    Raises:
        ConfigurationError: in a process that was forked from one that has loaded a model.
    """
    if _state["forked"]:
        raise ConfigurationError(
            "a model cannot be used in a forked process, where it would wait forever for threads "
            "that were not copied; start processes with multiprocessing's 'spawn' and load there"
        )


def _after_fork() -> None:
    _state["forked"] = _state["used"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
