"""The map of the site. Its addresses are promised to the outside: links on clinics' websites lead here."""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from booking import rendering
from booking.views import book, choose, embed, health, help, look


class Language(StringConverter):
    regex = r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8})?"


class Token(StringConverter):
    regex = r"[A-Za-z0-9_-]{20,100}"


register_converter(Language, "lang")
register_converter(Token, "token")

wizard = [
    path("", choose.service, name="service"),
    path("clinic/", choose.clinic, name="clinic"),
    path("provider/", choose.provider, name="provider"),
    path("times/", choose.times, name="times"),
    path("screening/", choose.screening, name="screening"),
    path("hold/", book.hold, name="hold"),
    path("booking/<token:token>/details/", book.details, name="details"),
    path("booking/<token:token>/confirm/", book.confirm, name="confirm"),
    path("booking/<token:token>/release/", book.release, name="release"),
    path("booking/<token:token>/extend/", book.extend, name="extend"),
    path("booking/<token:token>/", book.status, name="booking"),
    path("booking/<token:token>/calendar.ics", book.calendar, name="calendar"),
    path("accessibility/", help.accessibility, name="accessibility"),
]
urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("embed.js", embed.script, name="embed"),
    path("<slug:practice>/", choose.start, name="start"),
    path("<slug:practice>/look.css", look.stylesheet, name="look"),
    path("<slug:practice>/logo", look.logo, name="logo"),
    path("<slug:practice>/embedded/", embed.embedded, name="embedded"),
    path("<slug:practice>/<lang:lang>/", include(wizard)),
]
handler404 = rendering.not_found
handler500 = rendering.server_error
