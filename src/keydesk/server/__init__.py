"""The composition root: settings, urls, the WSGI application and the supervisor."""
