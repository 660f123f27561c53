"""Service credentials: what the provider's own services present to ask for decisions."""
