"""Where calls are counted against their limits: in a file that all processes of a host share, or in Valkey."""
