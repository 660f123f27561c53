"""The pages on which a company tells about itself, a step at a time, and hands that in."""
