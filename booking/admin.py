"""The practice admins' side: settings of a practice, its bookings, what happened. Only settings can be changed here."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from booking import audit, catalogue, connections, consent, embedding, going_live, look, practices, reconciliation
from booking.models import AuditEntry, Booking, Practice, Report, State
from vendors import VENDORS
from vendors.base import Service, VendorError

admin.site.site_header = "Anteroom"
admin.site.site_title = "Anteroom"
admin.site.site_url = None  # there is no page above the practices
admin.site.index_title = _("Your practice")

CONSENT = "consent"
SHAPES = (
    "slug",
    "vendor",
    "timezone",
    "languages",
    "embed_origins",
    "phone",
    "privacy_url",
    "hours_url",
    "directions_url",
    "colour",
)
KEPT = _("Stored. Leave empty to keep it; what is stored is never shown.")


def _needs_clinic(practice: Practice) -> bool:
    return practice.vendor in VENDORS and VENDORS[practice.vendor].needs_clinic


class WordsField(forms.CharField):
    """A list, written with blanks, commas or line breaks between."""

    def prepare_value(self, value: Any) -> Any:
        between = "\n" if isinstance(self.widget, forms.Textarea) else " "
        return between.join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return super().clean(value).replace(",", " ").split()


class PracticeForm(forms.ModelForm):  # type: ignore[type-arg]
    """The connection's fields are made from the vendor's own dataclass; secrets can be written and never read."""

    vendor = forms.ChoiceField(label=_("Vendor"), choices=lambda: [(name, v.name) for name, v in VENDORS.items()])
    languages = WordsField(label=_("Languages"), help_text=_("The first is the default, for example: sv en"))
    embed_origins = WordsField(
        label=_("Sites that may show the page in a frame"),
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("One per line, for example https://www.clinic.example"),
    )

    class Meta:
        model = Practice
        fields = (
            "name",
            "slug",
            "vendor",
            "timezone",
            "languages",
            "phone",
            "email",
            "online",
            "privacy_url",
            "hours_url",
            "directions_url",
            "colour",
            "embed_origins",
        )

    logo_file = forms.FileField(
        label=_("logo"), required=False, widget=forms.ClearableFileInput({"accept": "image/png,image/jpeg,image/webp"})
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["online"].required = False
        self.asked = connections.connection_fields(self.instance.vendor) if self.instance.pk else []
        for asked in self.asked:
            self.fields[f"connection_{asked.name}"] = self._connection_field(asked)
        if self.instance.pk and _needs_clinic(self.instance):
            for name, label in (("name", _("Clinic’s name")), ("address", _("Clinic’s address"))):
                self.fields[f"clinic_{name}"] = forms.CharField(
                    label=label,
                    initial=self.instance.clinic.get(name),
                    max_length=200,
                    widget=forms.TextInput({"class": "vTextField"}),
                )

    def _connection_field(self, asked: connections.ConnectionField) -> forms.Field:
        stored = self.instance.connection.get(asked.name)
        label = asked.name.replace("_", " ").capitalize()
        wide = forms.TextInput({"class": "vTextField"})
        if asked.secret:
            widget = forms.PasswordInput({"autocomplete": "new-password"}, render_value=False)
            return forms.CharField(label=label, required=False, widget=widget, help_text=KEPT if stored else "")
        if asked.type is bool:
            return forms.BooleanField(label=label, required=False, initial=asked.default if stored is None else stored)
        initial = asked.default if stored is None else stored
        if asked.type is int:
            return forms.IntegerField(label=label, required=False, initial=initial)
        return forms.CharField(label=label, required=False, initial=initial, widget=wide)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        for name in SHAPES:
            problem = practices.CHECKS[name](values[name]) if values.get(name) else ""
            if problem:
                self.add_error(name, problem)
        values["online"] = values.get("online") or self.instance.online
        file = values.get("logo_file")
        if file and (problem := look.logo_problem(bytes(file.read()))):
            self.add_error("logo_file", problem)
        if self.asked and values.get("vendor") == self.instance.vendor:
            for fault in connections.read_connection(self.instance.vendor, self.connection())[1]:
                field = fault.key.replace("connection.", "connection_", 1)
                self.add_error(field if field in self.fields else None, fault.text)
        return values

    def connection(self) -> dict[str, Any]:
        """What the connection will be: what was typed, and the stored secrets where nothing was."""
        if self.cleaned_data.get("vendor") != self.instance.vendor:
            return {}  # another vendor asks other things
        typed = {asked.name: self.cleaned_data.get(f"connection_{asked.name}") for asked in self.asked}
        stored = {asked.name: self.instance.connection.get(asked.name) for asked in self.asked if asked.secret}
        both = {name: stored.get(name) if typed[name] in (None, "") else typed[name] for name in typed}
        as_the_vendor_has_it = {
            asked.name: asked.default for asked in self.asked if asked.name not in self.instance.connection
        }
        return {
            name: value
            for name, value in both.items()
            if value not in (None, "") and not (name in as_the_vendor_has_it and value == as_the_vendor_has_it[name])
        }


@admin.register(Practice)
class PracticeAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = PracticeForm
    list_display = ("name", "slug", "vendor", "timezone")
    search_fields = ("name", "slug")
    actions = None  # several practices are not deleted at one click

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        parts: list[Any] = [(None, {"fields": [*PracticeForm.Meta.fields, "logo_file"]})]
        if obj:
            names = [f"connection_{asked.name}" for asked in connections.connection_fields(obj.vendor)]
            about = _("How we reach the practice’s booking system. After a change, check it with check_practice.")
            parts.append((_("Connection"), {"fields": names, "description": about}))
            if _needs_clinic(obj):
                about = _("This booking system does not know them, and patients want to.")
                parts.append((_("Clinic"), {"fields": ["clinic_name", "clinic_address"], "description": about}))
        return parts

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        options["fields"] = PracticeForm.Meta.fields  # the connection's fields are added by the form itself
        return super().get_form(request, obj, change, **options)

    def get_urls(self) -> list[Any]:
        here = self.admin_site.admin_view
        return [
            path("<int:pk>/connect/", here(self.connect), name="booking_practice_connect"),
            path("<int:pk>/embed/", here(self.embed), name="booking_practice_embed"),
            path("connected/", here(self.connected), name="booking_practice_connected"),
            *super().get_urls(),
        ]

    def connect(self, request: HttpRequest, pk: int) -> HttpResponse:
        """To the vendor's own page, where the practice's owner says yes.

        A link and not a form: our `form-action` would forbid a form to end on another site.
        """
        practice = get_object_or_404(Practice, pk=pk)
        if not self.has_change_permission(request, practice) or not consent.possible(practice):
            raise PermissionDenied
        try:
            there, asked = consent.begin(practice, self._redirect_uri())
        except VendorError as error:
            self.message_user(request, going_live.cure(error), messages.ERROR)
            return redirect("admin:booking_practice_change", pk)
        request.session[CONSENT] = asdict(asked)
        return redirect(there)

    def connected(self, request: HttpRequest) -> HttpResponse:
        """Back from there, with the code or without."""
        kept = request.session.pop(CONSENT, None)
        if not kept or not secrets.compare_digest(kept["state"].encode(), request.GET.get("state", "").encode()):
            self.message_user(request, _("This answer belongs to no question of yours. Start again."), messages.ERROR)
            return redirect("admin:booking_practice_changelist")
        asked = consent.Asked(**kept)
        practice = get_object_or_404(Practice, pk=asked.practice)
        if not self.has_change_permission(request, practice):
            raise PermissionDenied
        if "code" not in request.GET:
            self.message_user(request, _("Nothing was granted. The connection is as it was."), messages.WARNING)
            return redirect("admin:booking_practice_change", practice.pk)
        actor = audit.staff(request.user.get_username())
        try:
            consent.finish(practice, asked, request.GET["code"], self._redirect_uri(), actor=actor)
        except VendorError as error:
            self.message_user(request, going_live.cure(error), messages.ERROR)
        else:
            self.message_user(request, _("Connected."), messages.SUCCESS)
        return redirect("admin:booking_practice_change", practice.pk)

    def embed(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The lines for the clinic's website, as chosen, and how they look there."""
        practice = get_object_or_404(Practice, pk=pk)
        if not self.has_view_permission(request, practice):
            raise PermissionDenied
        form = EmbedForm(practice, request.GET)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "practice": practice, "form": form}
        context["title"] = _("On the clinic’s website")
        response = render(
            request, "admin/booking/practice/embed.html", {**context, **_to_paste(practice, form.chosen())}
        )
        setattr(response, "_csp_config", {**settings.SECURE_CSP, "frame-src": [CSP.SELF]})  # noqa: B010  the preview
        return response

    def _redirect_uri(self) -> str:
        """Registered at the vendor letter for letter, so it does not depend on the request."""
        return f"{settings.BASE_URL}{reverse('admin:booking_practice_connected')}"

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj:
            context["trouble"] = audit.latest_trouble(obj.slug)
            context["consent"] = consent.possible(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: Practice, form: Any, change: bool) -> None:
        before = Practice.objects.get(pk=obj.pk) if change else Practice()
        if change:
            form.instance.vendor, chosen = before.vendor, obj.vendor
            obj.connection = form.connection() if chosen == before.vendor else {}
            obj.vendor = chosen
            if "clinic_name" in form.cleaned_data:
                obj.clinic = {name: form.cleaned_data[f"clinic_{name}"] for name in ("name", "address")}
        if file := form.cleaned_data.get("logo_file"):
            file.seek(0)
            obj.logo = file.read()
        wanted = {name: getattr(obj, name) for name in (*PracticeForm.Meta.fields, "logo", "connection", "clinic")}
        if note := look.note(obj.colour):
            self.message_user(request, note, messages.WARNING)
        changed = practices.changes(before, wanted)
        practices.save(obj, actor=audit.staff(request.user.get_username()), changed=changed)

    def response_add(self, request: HttpRequest, obj: Practice, post_url_continue: Any = None) -> HttpResponse:
        self.message_user(request, _("Now fill in how to reach the practice’s booking system."))
        return redirect(reverse("admin:booking_practice_change", args=[obj.pk]))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.bookings.exists())

    def delete_model(self, request: HttpRequest, obj: Practice) -> None:
        super().delete_model(request, obj)
        audit.write(audit.staff(request.user.get_username()), "practice deleted", practice=obj.slug)


class EmbedForm(forms.Form):
    """How the page shall stand in a website. Whatever is not chosen, or not known, is left open."""

    mode = forms.ChoiceField(
        label=_("How"),
        choices=[
            (embedding.Mode.INLINE.value, _("in the page")),
            (embedding.Mode.BUTTON.value, _("a button that opens it")),
            (embedding.Mode.POPUP.value, _("opened by the website’s own links to it")),
        ],
    )
    language = forms.ChoiceField(label=_("Language"), required=False)
    service = forms.ChoiceField(label=_("Service"), required=False)
    colour = forms.RegexField(
        r"#[0-9a-fA-F]{6}", label=_("Colour of the button"), required=False, widget=forms.TextInput({"type": "color"})
    )

    def __init__(self, practice: Practice, values: Any) -> None:
        colour = practice.colour or embedding.COLOUR
        start = {"mode": embedding.Mode.INLINE.value, "language": "", "service": "", "colour": colour}
        super().__init__({**start, **{name: values[name] for name in start if name in values}})
        names = [(code, get_language_info(code)["name_local"]) for code in practice.languages]
        self.fields["language"].choices = [("", _("the visitor’s")), *names]  # type: ignore[attr-defined]
        self.unreachable = False
        services: list[Service] = []
        try:
            services = catalogue.services(practice, practice.languages[0])
        except VendorError:
            self.unreachable = True
        named = [(service.id, service.name) for service in services]
        self.fields["service"].choices = [("", _("chosen by the patient")), *named]  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, Any]:
        self.full_clean()
        found = {name: self.cleaned_data.get(name, "") for name in ("language", "service", "colour")}
        return {"mode": embedding.Mode(self.cleaned_data.get("mode", embedding.Mode.INLINE)), **found}


HINTS = (
    (
        "WordPress",
        _(
            "Add a block “Custom HTML” to the page. If the script is gone after saving, your user may not add scripts: "
            "ask an administrator, or put the plain link into a block “Button”."
        ),
    ),
    (
        "Wix",
        _(
            "“Embed HTML” puts everything into a frame of yet another site, where the page is refused. Use a button "
            "with the plain link, or a “Custom Element” with the tag name anteroom-booking."
        ),
    ),
    (
        "Squarespace",
        _("Add a block “Code”. Where your plan allows no scripts, use a block “Button” with the plain link."),
    ),
    ("Webflow", _("Add the element “Code Embed”. Scripts run only on the published site, not in the designer.")),
)


def _to_paste(practice: Practice, chosen: dict[str, Any]) -> dict[str, Any]:
    script = embedding.script()
    link = embedding.link(practice, chosen["language"], chosen["service"])
    seen = {row.origin: row for row in practice.sightings.order_by("origin")}
    rows: list[dict[str, Any]] = [
        {"origin": o, "wildcard": "*" in o, "seen": seen.pop(o, None)} for o in practice.embed_origins
    ]
    return {
        "snippet": embedding.snippet(practice, **chosen),
        "element": embedding.element(practice, **chosen),
        "script_line": f'<script src="{embedding.script_address()}" async></script>',
        "attributes": f'integrity="{script.integrity}" crossorigin="anonymous"',
        "version": script.version,
        "versioned": embedding.script_address(script.version),
        "link": link,
        "qr_code": embedding.qr_code(link),
        "sites": [*rows, *({"origin": o, "seen": row} for o, row in seen.items() if embedding.may_frame(practice, o))],
        "hints": HINTS,
        "base_url": settings.BASE_URL,
    }


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NeedsStaff(admin.SimpleListFilter):
    title = _("needs you")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, Any]]:
        return [("staff", _("outcome unknown for a long time: look in the booking system"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        if self.value() != "staff":
            return queryset
        since = timezone.now() - reconciliation.STAFF_AFTER
        return queryset.filter(state=State.CHECKING, checking_since__lt=since)


@admin.register(Booking)
class BookingAdmin(ReadOnly):
    list_display = ("reference", "practice", "state", "start", "service_name", "clinic_name", "provider_name")
    list_filter = (NeedsStaff, "state", "practice")
    search_fields = ("reference",)
    date_hierarchy = "start"
    fields = (
        "reference",
        "practice",
        "state",
        "service_name",
        "clinic_name",
        "provider_name",
        "start",
        "end",
        "appointment_id",
        "language",
        "created_at",
        "changed_at",
        "held_until",
        "checking_since",
    )


@admin.register(Report)
class ReportAdmin(ReadOnly):
    list_display = ("day", "practice", "appointments", "differences", "by_hand", "sent_at")
    list_filter = ("practice",)
    date_hierarchy = "day"
    fields = ("practice", "day", "appointments", "differences", "by_hand", "not_compared", "sent_at")
    readonly_fields = ("appointments", "differences", "by_hand", "not_compared")

    @admin.display(description=_("coming appointments"))
    def appointments(self, report: Report) -> int:
        return int(report.found["coming"])

    @admin.display(description=_("changed in the booking system"))
    def differences(self, report: Report) -> str:
        return "; ".join(f"{reference}: {what}" for reference, what in report.found["differences"])

    @admin.display(description=_("to be done by hand"))
    def by_hand(self, report: Report) -> str:
        return "; ".join(f"{reference}: {what}" for reference, what in report.by_hand)

    @admin.display(description=_("could not be compared"))
    def not_compared(self, report: Report) -> str:
        if not report.found["compared"]:
            return str(_("this booking system does not let us compare"))
        return str(report.found["not_compared"])


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ("at", "practice", "reference", "actor", "action", "outcome")
    list_filter = ("action", "practice")
    search_fields = ("reference", "practice", "actor")
    date_hierarchy = "at"
