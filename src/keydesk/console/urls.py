"""Addresses of the Console."""

from django.urls import path

from keydesk.console import (
    accounts,
    applications,
    decisions,
    entrance,
    pages,
    policies,
    products,
    strangers,
    system,
    team,
)

app_name = "console"

ACCOUNT = "accounts/<slug:username>/"

urlpatterns = [
    path("", pages.home, name="home"),
    path("applications/", applications.applications, name="applications"),
    path("applications/<str:username>/", applications.application, name="application"),
    path("applications/<str:username>/claim/", applications.claim, name="claim"),
    path("applications/<str:username>/release/", applications.release, name="release"),
    path("applications/<str:username>/approve/", applications.approve, name="approve"),
    path("applications/<str:username>/revision/", applications.revision, name="revision"),
    path("applications/<str:username>/rejection/", applications.rejection, name="rejection"),
    path(
        "applications/<str:username>/documents/<str:document_id>/",
        applications.document,
        name="document",
    ),
    path("security/", pages.security, name="security"),
    path("login/", entrance.StaffLogIn.as_view(), name="login"),
    path("first-owner/", entrance.first_owner, name="first_owner"),
    path("welcome/", entrance.welcome, name="welcome"),
    path("team/", team.team, name="team"),
    path("team/add/", team.add, name="team_add"),
    path("team/<int:user_id>/", team.person, name="person"),
    path("products/", products.products, name="products"),
    path("products/add/", products.add, name="product_add"),
    path("products/<slug:product>/", products.edit, name="product"),
    path("products/<slug:product>/stop/", products.stop, name="product_stop"),
    path("products/<slug:product>/resume/", products.resume, name="product_resume"),
    path("products/<slug:product>/retire/", products.retire, name="product_retire"),
    path("settings/", policies.settings, name="settings"),
    path("settings/logo/", policies.logo, name="logo"),
    path("system/", system.system, name="system"),
    path("unknown-keys/", strangers.strangers, name="strangers"),
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
    path(
        ACCOUNT + "products/<slug:product>/<slug:environment>/limits/",
        decisions.entitlement_limits,
        name="entitlement_limits",
    ),
    path(ACCOUNT + "status/<slug:decision>/", decisions.status, name="status"),
    path("changes/<slug:change_id>/", decisions.change, name="change"),
]
