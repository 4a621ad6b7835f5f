"""A page in the browser: drop an image, type a phrase, see the mask.

``layout.py`` arranges the components of ``parts.py``, whose templates and scripts are beside them;
``handlers.py`` handles events; ``views.py`` makes what browsers draw; ``sessions.py`` queries the
segmenter and caches scenes; ``serving.py`` serves the page.
"""
