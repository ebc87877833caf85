"""Trains the sentence encoder that ships in `models/encoder`.

A maintainer's job, in an environment of its own (`.venv-encoder`, see `make encoder`): torch is not installed
where the bot runs, and nothing that runs there imports this package.
"""
