"""A host's local, crash-safe copy of what a decision needs, and what keeps it current."""
