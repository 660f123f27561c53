"""Which account may use which product in which environment."""
