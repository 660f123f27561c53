"""The provider's API products."""
