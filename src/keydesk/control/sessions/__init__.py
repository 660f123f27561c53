"""Who is logged in, on which browser: the sessions that are held, and their end."""
