"""Answers, proposals and samples as images to look at, one file per kind."""
