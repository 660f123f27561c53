"""API keys: generate, show again, replace, revoke."""
