"""The verifier: HTTP over the host's replica; it never asks control and never loads Django."""
