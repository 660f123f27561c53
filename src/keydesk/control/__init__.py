"""The control plane: the one Django app that owns the truth, with a package for each domain."""
