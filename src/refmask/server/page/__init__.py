"""A page in the browser: drop an image, type a phrase, see the mask.

``layout.py`` says what is on it, with the components of ``parts.py`` and the templates and scripts
beside them; ``handlers.py`` what happens when; ``views.py`` what browsers are told to draw.
``sessions.py`` asks the system and holds its scenes, ``serving.py`` serves the page.
"""
