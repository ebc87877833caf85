"""`make check`, the content: catalogues, articles and training messages, in every language (python -m)."""
