"""Who acts, and what they may do; and what every domain asks of names, of lists and of tokens."""
