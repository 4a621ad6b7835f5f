"""Draw answers, proposals and samples, one file per kind."""
