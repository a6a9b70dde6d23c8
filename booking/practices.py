"""A practice's settings: the practices file to rows, what may be in them, who changed them."""

import pathlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.conf.locale import LANG_INFO
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.db import transaction
from django.db.models import Model

from booking import audit, connections, look, rules, sql
from booking.connections import Fault, read_connection
from booking.models import Booking, Online, Practice
from vendors import VENDORS

RESERVED_SLUGS = {"admin", "static", "healthz", "readyz", "embed", "media", "api"}
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class BadPractices(Exception):
    """The practices file cannot be used; nothing was changed. One line per fault, with its place."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


# --- What may be in a practice's settings ----------------------------------------------------------------------------

LOOPBACK = re.compile(r"localhost|([a-z0-9-]+\.)+localhost|127\.\d+\.\d+\.\d+|\[::1\]")
HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


def origin_problem(origin: Any) -> str:
    """Why a site may not frame the booking page under this name; empty where it may."""
    match = re.fullmatch(r"(https?)://(\[::1\]|[^/:\[\]]+)(:\d{1,5})?", origin) if isinstance(origin, str) else None
    if not match:
        return f"{origin!r} is not an origin like https://www.clinic.example"
    scheme, host, port = match.groups()
    if port and not 0 < int(port[1:]) < 65536:
        return f"{origin} names a port that there is not"
    if LOOPBACK.fullmatch(host):
        allowed = settings.ALLOW_PRIVATE_VENDOR_HOSTS
        return "" if allowed else f"{origin} is on this machine, which only ALLOW_PRIVATE_VENDOR_HOSTS allows"
    if scheme != "https" or port:
        return f"{origin} must be https, without a port"
    if not HOST.fullmatch(host):
        return f"{origin} does not name a host (lower case; a wildcard may only stand for the leftmost part)"
    return ""


ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, ends of lines and halves of characters."""


def text_problem(value: Any, longest: int = 0, *, lines: bool = False) -> str:
    """Why this cannot be kept, or stand in the head of a mail; empty where it can. `lines`: there may be several."""
    if not isinstance(value, str) or not value.strip():
        return "must be text"
    if ODD.search(re.sub(r"[\t\r\n]", "", value) if lines else value):
        return "must hold no control characters" if lines else "must hold no line breaks or other control characters"
    return f"is longer than {longest} characters" if longest and len(value) > longest else ""


def longest(model: type[Model], name: str) -> int:
    """Characters that this field of the model holds."""
    return int(getattr(model._meta.get_field(name), "max_length"))  # noqa: B009  not every kind of field has one


def _text(name: str) -> Any:
    return lambda value: text_problem(value, longest(Practice, name))


def slug_problem(value: Any) -> str:
    most = longest(Practice, "slug")
    if not isinstance(value, str) or not SLUG.fullmatch(value) or len(value) > most:
        return f"{value!r} must be at most {most} small letters and digits, with single hyphens between"
    return f'"{value}" is reserved' if value in RESERVED_SLUGS else ""


def timezone_problem(value: Any) -> str:
    return "" if isinstance(value, str) and value in _zones() else f"{value!r} is not a time zone like Europe/Stockholm"


@lru_cache(maxsize=1)
def _zones() -> set[str]:
    return available_timezones()


def languages_problem(value: Any) -> str:
    if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
        return 'must be a list of different languages, like ["sv", "en"]'
    unknown = [
        code for code in value if not isinstance(code, str) or code not in LANG_INFO or "fallback" in LANG_INFO[code]
    ]
    return f"unknown language {unknown[0]!r}" if unknown else ""


def _origins_problem(value: Any) -> str:
    if not isinstance(value, list):
        return "must be a list of origins"
    return next((problem for origin in value if (problem := origin_problem(origin))), "")


def _email_problem(value: Any) -> str:
    try:
        validate_email(value if isinstance(value, str) else "")
    except ValidationError:
        return f"{value!r} is not an e-mail address"
    return text_problem(value, longest(Practice, "email"))


def _url(name: str) -> Any:
    def check(value: Any) -> str:
        try:
            URLValidator(["https", "http"])(value)
        except ValidationError:
            return f"{value!r} is not an address like https://…"
        return text_problem(value, longest(Practice, name))

    return check


def _logo_problem(value: Any) -> str:
    """Of the file's bytes: `load` puts them in the place of its name."""
    if not isinstance(value, bytes):
        return f"{value!r} is not a file beside the practices file that can be read"
    return look.logo_problem(value) if value else ""


def _online_problem(value: Any) -> str:
    return "" if value in Online.values else f"{value!r} must be one of: {', '.join(Online.values)}"


def _vendor_problem(value: Any) -> str:
    known = isinstance(value, str) and value in VENDORS
    return "" if known else f"unknown vendor {value!r} (known: {', '.join(VENDORS)})"


CHECKS: dict[str, Any] = {
    "slug": slug_problem,
    "name": _text("name"),
    "vendor": _vendor_problem,
    "timezone": timezone_problem,
    "languages": languages_problem,
    "embed_origins": _origins_problem,
    "phone": _text("phone"),
    "email": _email_problem,
    "privacy_url": _url("privacy_url"),
    "hours_url": _url("hours_url"),
    "directions_url": _url("directions_url"),
    "colour": look.colour_problem,
    "logo": _logo_problem,
    "online": _online_problem,
}
REQUIRED = ("slug", "name", "vendor", "timezone", "languages", "phone", "connection")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the practice adds to one of its vendor's services. None: as the vendor says."""

    id: str
    name: dict[str, str] = field(default_factory=dict)
    description: dict[str, str] = field(default_factory=dict)
    clinics: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    hidden: bool = False
    rules: dict[str, Any] = field(default_factory=dict)


def services_of(practice: Practice) -> dict[str, ServiceSettings]:
    """The practice's own words about its services, by the vendor's id."""
    return {row["id"]: read_service(row)[0] for row in practice.services}


def read_service(row: Mapping[str, Any]) -> tuple[ServiceSettings, list[Fault]]:
    """One `[[practice.service]]`, and what is wrong with it."""
    faults = [Fault(key, "unknown key") for key in row if key not in {f.name for f in fields(ServiceSettings)}]
    values: dict[str, Any] = {"id": ""}
    for key, value in row.items():
        if key == "id":
            if not _is_id(value, "service_id"):
                faults.append(Fault("id", "must be the vendor's id"))
            values["id"] = str(value)
        elif key in ("name", "description"):
            if not isinstance(value, dict) or not all(isinstance(v, str) and k in LANG_INFO for k, v in value.items()):
                faults.append(Fault(key, 'must be texts by language, like { sv = "…", en = "…" }'))
            else:
                values[key] = dict(value)
                most = longest(Booking, "service_name") if key == "name" else 0
                problems = {k: text_problem(v, most, lines=key == "description") for k, v in value.items() if v}
                faults += [Fault(f"{key}.{language}", problem) for language, problem in problems.items() if problem]
        elif key in ("clinics", "providers"):
            place = "clinic_id" if key == "clinics" else "provider_id"
            if not isinstance(value, list) or not all(_is_id(v, place) for v in value):
                faults.append(Fault(key, "must be a list of the vendor's ids"))
            else:
                values[key] = tuple(str(v) for v in value)
        elif key == "hidden":
            if not isinstance(value, bool):
                faults.append(Fault(key, "must be true or false"))
            values[key] = bool(value)
        elif key == "rules":
            faults += rules.read(value)
            values[key] = dict(value) if isinstance(value, Mapping) else {}
    if "id" not in row:
        faults.append(Fault("id", "is missing"))
    return ServiceSettings(**values), faults


def _is_id(value: Any, place: str) -> bool:
    """Whether it may be the vendor's id: text, or a number as ids are often typed."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return not text_problem(str(value) if number else value, longest(Booking, place))


def faults_in(table: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with one `[[practice]]` table."""
    known = {*CHECKS, "connection", "service", "clinic", "rules"}
    faults = [Fault(key, "unknown key") for key in table if key not in known]
    faults += [Fault(key, "is missing") for key in REQUIRED if key not in table]
    faults += [Fault(key, problem) for key, check in CHECKS.items() if key in table and (problem := check(table[key]))]
    connection = table.get("connection", {})
    if not isinstance(connection, dict):
        faults.append(Fault("connection", "must be a table"))
    elif "connection" in table and not _vendor_problem(table.get("vendor")):
        faults += read_connection(table["vendor"], connection)[1]
    if isinstance(connection, dict):
        problems = {key: text_problem(value) for key, value in connection.items() if isinstance(value, str) and value}
        faults += [Fault(f"connection.{key}", problem) for key, problem in problems.items() if problem]
    faults += _clinic_faults(table)
    faults += rules.read(table.get("rules", {}))
    services = table.get("service", [])
    if not isinstance(services, list) or not all(isinstance(row, dict) for row in services):
        return [*faults, Fault("service", "must be tables: [[practice.service]]")]
    seen: set[str] = set()
    for number, row in enumerate(services, 1):
        faults += [Fault(f"service {number}, {fault.key}", fault.text) for fault in read_service(row)[1]]
        if str(row.get("id")) in seen:
            faults.append(Fault(f"service {number}, id", f'"{row["id"]}" stands twice'))
        seen.add(str(row.get("id")))
    return faults


def _clinic_faults(table: Mapping[str, Any]) -> list[Fault]:
    vendor = VENDORS.get(table.get("vendor", "")) if isinstance(table.get("vendor", ""), str) else None
    if "clinic" not in table:
        return [Fault("clinic", "is missing: this vendor does not know it")] if vendor and vendor.needs_clinic else []
    clinic = table["clinic"]
    if vendor and not vendor.needs_clinic:
        return [Fault("clinic", "unknown key: this vendor tells its clinics itself")]
    if not isinstance(clinic, dict):
        return [Fault("clinic", "must be a table: [practice.clinic]")]
    faults = [Fault(f"clinic.{key}", "unknown key") for key in clinic if key not in ("name", "address")]
    problems = {key: text_problem(clinic.get(key), longest(Booking, f"clinic_{key}")) for key in ("name", "address")}
    return faults + [Fault(f"clinic.{key}", problem) for key, problem in problems.items() if problem]


def by_slug(slug: str) -> Practice | None:
    """The practice of this address, without its logo; one object for all pages, which they must leave as it is.

    Each page asks whether it was changed, and reads it in whole only then.
    """
    if slug_problem(slug):
        return None
    version = sql.rows("SELECT changed_at FROM booking_practice WHERE slug = %s", slug)
    known = _known.get(slug)
    if version and (known is None or known[0] != version):
        practice = Practice.objects.defer("logo").filter(slug=slug).first()
        if practice is None:
            return None
        if len(_known) >= KNOWN:
            _known.clear()
        _known[slug] = known = (version, practice)
    return known[1] if version and known else None


KNOWN = 1000
_known: dict[str, tuple[Any, Practice]] = {}


def page_language(language: str) -> str:
    """The language of our own words for a practice's language: English, where a translation is not there yet."""
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


# --- The practices file ----------------------------------------------------------------------------------------------


def load(text: str, *, actor: str, folder: pathlib.Path | None = None) -> list[tuple[str, str]]:
    """Creates or updates practices from a practices file. Answers (slug, "created", "changed" or "unchanged").

    All or nothing: raises `BadPractices` with every fault of the file. `folder`: where the file lies, and its logos.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPractices([f"not a TOML file: {error}"]) from error
    lines = [f'"{key}": unknown key; practices are [[practice]] tables' for key in tables if key != "practice"]
    practices = tables.get("practice", [])
    if not isinstance(practices, list) or not all(isinstance(table, dict) for table in practices):
        raise BadPractices(['"practice": must be tables: [[practice]]'])
    if not practices and not lines:
        lines = ["no [[practice]] in it"]
    return load_tables([_with_logo(table, folder) for table in practices], actor=actor, lines=lines)


def _with_logo(table: dict[str, Any], folder: pathlib.Path | None) -> dict[str, Any]:
    """The logo's bytes in the place of its file's name; a name that leads to no file in the folder stays a name."""
    name = table.get("logo")
    if folder is None or not isinstance(name, str) or not name:
        return {**table, "logo": b""} if name == "" else table
    try:
        file = (folder / name).resolve()
        inside = file.is_relative_to(folder.resolve()) and file.stat().st_size < 10 * look.LARGEST_LOGO
        return {**table, "logo": file.read_bytes()} if inside else table
    except (OSError, ValueError):
        return table


def load_tables(practices: list[dict[str, Any]], *, actor: str, lines: Iterable[str] = ()) -> list[tuple[str, str]]:
    """`load`, of `[[practice]]` tables that were read already. `lines`: what is wrong around them."""
    lines = list(lines)
    seen: set[Any] = set()
    for number, table in enumerate(practices, 1):
        slug = table.get("slug")
        place = f"practice {number} ({slug})" if isinstance(slug, str) else f"practice {number}"
        lines += [f"{place}: {fault}" for fault in faults_in(table)]
        if isinstance(slug, str) and slug in seen:
            lines.append(f'{place}: slug: "{slug}" stands twice')
        seen.add(str(slug))
    if lines:
        raise BadPractices(lines)
    with transaction.atomic():
        return [(table["slug"], _save(table, actor)) for table in practices]


def _save(table: Mapping[str, Any], actor: str) -> str:
    practice = Practice.objects.filter(slug=table["slug"]).first()
    created = practice is None
    practice = practice or Practice(slug=table["slug"])
    wanted = {
        "name": table["name"],
        "vendor": table["vendor"],
        "timezone": table["timezone"],
        "languages": table["languages"],
        "embed_origins": table.get("embed_origins", []),
        "phone": table["phone"],
        "email": table.get("email", ""),
        "privacy_url": table.get("privacy_url", ""),
        "hours_url": table.get("hours_url", ""),
        "directions_url": table.get("directions_url", ""),
        "colour": table.get("colour", ""),
        "logo": table.get("logo", b""),
        "online": table.get("online", practice.online),  # staff may have paused it: only a file that says so opens it
        "connection": connections.with_consent(practice, table["vendor"], table["connection"]),
        "clinic": dict(table.get("clinic", {})),
        "rules": dict(table.get("rules", {})),
        "services": [{**row, "id": str(row["id"])} for row in table.get("service", [])],
    }
    changed = changes(practice, wanted)
    if not created and not changed:
        return "unchanged"
    for name, value in wanted.items():
        setattr(practice, name, value)
    save(practice, actor=actor, changed=[] if created else changed)
    return "created" if created else "changed"


def changes(practice: Practice, wanted: Mapping[str, Any]) -> list[str]:
    """The names of the settings that would change; of the connection also which of its keys, never their values."""
    changed = []
    for name, value in wanted.items():
        before = getattr(practice, name)
        if name == "connection":
            keys = {*before, *value}
            changed += [f"connection.{key}" for key in sorted(keys) if before.get(key) != value.get(key)]
        elif before != value:
            changed.append(name)
    return changed


def save(practice: Practice, *, actor: str, changed: Iterable[str]) -> None:
    """Saves, and writes down who changed what. What was read from the vendor before is read anew."""
    changed = list(changed)
    created = practice.pk is None
    with transaction.atomic():
        practice.save()
        if created:
            audit.write(actor, "practice created", practice=practice.slug)
        else:
            practice.snapshots.all().delete()
            connections.forget(practice, changed)
            audit.write(actor, "practice changed", practice=practice.slug, outcome=", ".join(changed))
