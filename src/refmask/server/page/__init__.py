"""A page in the browser: drop a picture, type a phrase, see the mask.

``layout.py`` says what is on it, with the components of ``parts.py`` and the templates and scripts
beside them; ``desk.py`` what happens when; ``views.py`` what browsers are told to draw. ``tabs.py``
asks the system and holds its scenes, ``serving.py`` serves the page. Only ``tabs.py`` imports
the system, so that the page is there before it.
"""
