"""`make check`, the many-machine set-up: what is in deploy/ is valid, and fits the code."""
