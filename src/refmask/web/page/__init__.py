"""A page in the browser: drop a picture, type a phrase, see the mask.

``tab.py`` asks the system, ``views.py`` tells the browser what to draw, ``parts.py`` are the page's
own components (with the HTML and JavaScript beside it), ``layout.py`` puts them together and
``serving.py`` serves them. Only the last three import Gradio.
"""
