"""Attacks refmask with damaged and hostile inputs, and kills its commands at random moments.

    make attack                                   # 100,000 cases, then 30 kills of each command
    make attack ARGS="--cases 2000 --kinds npz refs --kills 0"
    make attack ARGS="--again npz:1234"           # one case, with its traceback

A case is a small valid file or text, changed at random, and handed to the function that reads its
kind. It must be read or refused with refmask's own error. Every case can be made again from
the seed, the kind and its number.
"""
