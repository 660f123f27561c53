"""The histories of revisions: a new one begins where the database goes back in time, without what was ended since."""
