"""A folder that keeps what is costly, by content: ``--store``.

A store is a folder::

    refmask-store.json                      marks it, and names its format
    CONFIGURATION/configuration.json        a proposer's settings, for people to read
    CONFIGURATION/ab/IMAGE.masks          what it proposed for one image
    features/ab/KEY.features                features of one image's masks

CONFIGURATION and IMAGE are SHA-256: of the proposer's full configuration, and of the image's
size and pixels, so that file names do not matter. KEY is one of all that the features depend on.
Each file is there whole or not at all, and carries a checksum and whose arrays it holds; two stores
become one by copying one over the other. A writer that is killed may leave a hidden temporary file,
which nobody reads.

Masks may have taken hours and stay for good. Features are made again in less than a second, so they
have a limit, and those that were not used for longest leave first.
"""
