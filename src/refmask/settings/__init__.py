"""Settings of a user: which model answers where none is named, and default options.

``choosing`` says which model and proposals, ``levels`` who states an option (the call, the
environment, the configuration file), ``file`` what the configuration file holds.
"""

from refmask.settings.choosing import Choice, choose
from refmask.settings.levels import stated
from refmask.settings.options import AUTO, OPTIONS

__all__ = ["AUTO", "OPTIONS", "Choice", "choose", "stated"]
