"""What every command imports, for the process that others are forked from.

Nothing is loaded and no thread started; LanceDB, which starts some, is left out.
"""

import refmask.batch.batch
import refmask.classifier
import refmask.cli.segment
import refmask.clip.loading
import refmask.evaluation.evaluate
import refmask.segmenter  # noqa: F401
