"""Languages, markets, texts and formats: what the bot, the actions and the service share.

Imports nothing of ours; anyone may import it. Runs on Python 3.10 (Rasa) and 3.11.
"""
