"""How customers reach the shop: one folder a channel, the same file names in each."""
