"""Every address of the desk. Of allauth's pages there are only those that this desk uses."""

from django.urls import include, path

from keydesk.web import faults
from keydesk.web.entrance import LogIn, LogOut
from keydesk.web.second_factor import PasskeyLogIn, SecondFactor

urlpatterns = [
    path("", include("keydesk.dashboard.urls")),
    path("", include("keydesk.web.urls")),
    path("console/", include("keydesk.console.urls")),
    path("v1/", include("keydesk.api.urls")),
    path("account/login/", LogIn.as_view(), name="account_login"),
    path("account/login/factor/", SecondFactor.as_view(), name="mfa_authenticate"),
    path("account/login/passkey/", PasskeyLogIn.as_view(), name="passkey_login"),
    path("account/logout/", LogOut.as_view(), name="account_logout"),
]

handler400 = faults.bad_request
handler404 = faults.not_found
handler500 = faults.server_error
