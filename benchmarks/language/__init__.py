"""How often a message's language is recognised, beside langdetect, lingua, py3langid and fastText."""
