"""Every address of the desk. Of allauth's pages there are only those that this desk uses."""

from allauth.account.views import logout
from django.urls import include, path

from keydesk.web import faults
from keydesk.web.entrance import LogIn

urlpatterns = [
    path("", include("keydesk.dashboard.urls")),
    path("", include("keydesk.web.urls")),
    path("console/", include("keydesk.console.urls")),
    path("account/login/", LogIn.as_view(), name="account_login"),
    path("account/logout/", logout, name="account_logout"),
]

handler400 = faults.bad_request
handler404 = faults.not_found
handler500 = faults.server_error
