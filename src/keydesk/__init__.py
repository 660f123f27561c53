"""Keydesk: a self-hosted desk for API keys, and the verification of every request against them."""
