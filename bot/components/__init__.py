"""Rasa graph components, one a file, named after their class."""
