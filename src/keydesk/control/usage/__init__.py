"""What keys are used for: how often, from where, with which outcome, and which calls were refused."""
