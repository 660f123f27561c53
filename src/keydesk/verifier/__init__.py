"""The verifier: raw ASGI over the host's replica; it never asks control and never loads Django."""
