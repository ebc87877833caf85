"""What a trained model depends on besides the components: reading messages, seeing features, fitting weights.

A change here makes `python -m bot.train` train anew (bot/fingerprint.py).
"""
