"""Addresses of what all pages share."""

from django.urls import path

from keydesk.web import brand
from keydesk.web.language import language

app_name = "web"

urlpatterns = [
    path("language/", language, name="language"),
    path("brand/<slug:colour>.css", brand.style, name="brand_style"),
    path("brand/<slug:version>.png", brand.logo, name="brand_logo"),
]
