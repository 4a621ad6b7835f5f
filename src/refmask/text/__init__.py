"""Reading of phrases."""
