"""How well labels are recognised: stock DIET, n-grams, the encoder, and what ships, on the same messages."""
