"""Signing in safely: second factors, recovery codes, the password, and a person's own sessions."""
