"""Serve a segmenter: the page for browsers, and the HTTP interface for programs."""
