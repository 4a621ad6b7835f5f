"""What is kept on disk: masks, features and scenes.

A store is a folder::

    refmask-store.json                      marks it
    CONFIGURATION/configuration.json        a proposer's settings, for people to read
    CONFIGURATION/ab/IMAGE.masks            its masks of one image
    features/ab/KEY.features                features of one image's masks

CONFIGURATION and IMAGE are SHA-256: of the proposer's full configuration, and of the image's size
and pixels, so that file names do not matter. KEY is one of all that the features depend on. Files
are safetensors, there whole or not at all, and carry a checksum and what their arrays belong to;
two stores become one by copying one over the other. A writer that is killed may leave a hidden
temporary file, which nobody reads.

Masks may have taken hours and are never deleted. Features are computed again in less than a second,
so they have a limit: least recently used ones are deleted first.
"""
