"""Addresses of the Console."""

from django.urls import path

from keydesk.console import applications, pages

app_name = "console"

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
]
