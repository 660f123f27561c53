"""Addresses of the Console."""

from django.urls import path

from keydesk.console import accounts, decisions, pages

app_name = "console"

ACCOUNT = "accounts/<slug:username>/"

urlpatterns = [
    path("", pages.home, name="home"),
    path("search/", accounts.search, name="search"),
    path("accounts/", accounts.accounts, name="accounts"),
    path(ACCOUNT, accounts.account, name="account"),
    path(ACCOUNT + "view-as/", decisions.view_as, name="view_as"),
    path(ACCOUNT + "view-as/end/", decisions.stop_viewing, name="end_viewing"),
    path(ACCOUNT + "keys/<slug:key_id>/", decisions.key, name="key"),
    path(
        ACCOUNT + "products/<slug:product>/<slug:environment>/",
        decisions.entitlement,
        name="entitlement",
    ),
    path(ACCOUNT + "status/<slug:decision>/", decisions.status, name="status"),
    path("changes/<slug:change_id>/", decisions.change, name="change"),
]
