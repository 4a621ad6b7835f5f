"""The user's settings: the default model and default options.

``choice`` picks the model and its proposals; ``precedence`` ranks call, environment and
configuration file; ``file`` reads and writes the configuration file.
"""

from refmask.settings.choice import Choice, choose
from refmask.settings.options import AUTO, OPTIONS
from refmask.settings.precedence import resolve

__all__ = ["AUTO", "OPTIONS", "Choice", "choose", "resolve"]
