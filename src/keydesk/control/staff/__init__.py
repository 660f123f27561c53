"""The provider's internal team: who is of it, in which role, and how its people first get in."""
