"""Conversations: who speaks with whom, in which language, and everything that happened."""
