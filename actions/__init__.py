"""What the bot does, as rasa-sdk actions by topic: they decide and pass data on, never text.

`python -m actions.server` serves them to Rasa. Imports nothing of `bot` or `handoff`.
"""
