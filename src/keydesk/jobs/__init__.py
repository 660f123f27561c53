"""The worker: what has to happen by the clock rather than by a click."""
