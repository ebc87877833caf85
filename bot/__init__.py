"""What runs inside Rasa (Python 3.10): understanding, rules' words, and the channel the service speaks to.

Imports neither `actions` nor `handoff`; they meet over HTTP (tests/contracts/).
"""
