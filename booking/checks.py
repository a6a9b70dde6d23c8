"""`manage.py check`: mistakes found before a patient finds them."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from booking import encryption


@register(Tags.security)
def keys_encrypt(app_configs: Any, **options: Any) -> list[CheckMessage]:
    try:
        encryption.decrypt(encryption.encrypt("round trip"))
    except ImproperlyConfigured as error:
        hint = "Make one: openssl rand -base64 32 | tr '+/' '-_'"
        return [Error(str(error), hint=hint, id="booking.E001")]
    return []


@register(Tags.security, deploy=True)
def patients_come_by_https(app_configs: Any, **options: Any) -> list[CheckMessage]:
    if urlsplit(settings.BASE_URL).scheme != "https":
        return [Warning("BASE_URL is not https: patients' details would travel in the open.", id="booking.W001")]
    return []


@register(Tags.security, deploy=True)
def vendors_are_elsewhere(app_configs: Any, **options: Any) -> list[CheckMessage]:
    if settings.ALLOW_PRIVATE_VENDOR_HOSTS:
        hint = "Unset ALLOW_PRIVATE_VENDOR_HOSTS, unless the practice system really stands in this network."
        return [Warning("A practice's vendor may be any address inside this network.", hint=hint, id="booking.W002")]
    return []
