from django.apps import AppConfig


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = "Anteroom"

    def ready(self) -> None:
        from booking import checks  # noqa: F401  registers itself
