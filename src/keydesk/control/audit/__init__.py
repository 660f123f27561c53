"""What happened: one event for each action, and for each refusal that somebody should be able to find."""
