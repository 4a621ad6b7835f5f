"""Answers, proposals and samples as pictures to look at, one file per kind."""
