"""Addresses of the Console."""

from django.urls import path

from keydesk.console import entrance, pages, policies, products, system, team

app_name = "console"

urlpatterns = [
    path("", pages.home, name="home"),
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
]
