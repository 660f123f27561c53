"""The WSGI application of the dashboard, for Granian or another server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keydesk.server.settings")

application = get_wsgi_application()
