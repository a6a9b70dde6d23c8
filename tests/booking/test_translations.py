"""Every word that a patient or an admin reads is translatable, and is translated into each of our languages.

Needs no GNU gettext: what is translatable is found with Django's and Babel's own readers. `.ci/messages` brings the
.po files in line.
"""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

TEMPLATES = settings.BASE_DIR / "templates"
CODE = settings.BASE_DIR / "booking"
LANGUAGES = [code for code, _name in settings.LANGUAGES if code.partition("-")[0] != "en"]
WITHOUT_TRANSLATION = {"trouble/server_error.html"}  # shown when nothing else works; it speaks its languages itself

KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_noop": None}
KEYWORDS |= {f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext", "npgettext")}

type Key = tuple[str, str | None]
"""A message (of a plural, the singular) and its context."""


# --- What is translatable --------------------------------------------------------------------------------------------


def translatable_in_python(source: str) -> set[Key]:
    found = extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS)
    return {(words if isinstance(words, str) else words[0], context) for _line, words, _comments, context in found}


def translatable_in_template(source: str) -> set[Key]:
    lines = templatize(source).splitlines()  # calls of gettext, at any indentation
    return translatable_in_python("\n".join(line.strip() for line in lines) + "\n")


def templates() -> list[Path]:
    files = [file for file in TEMPLATES.rglob("*") if file.is_file()]
    return sorted(file for file in files if str(file.relative_to(TEMPLATES)) not in WITHOUT_TRANSLATION)


def translatable() -> set[Key]:
    found: set[Key] = set()
    for file in templates():
        found |= translatable_in_template(file.read_text(encoding="utf-8"))
    for file in CODE.rglob("*.py"):
        found |= translatable_in_python(file.read_text(encoding="utf-8"))
    return found


# --- What is translated ----------------------------------------------------------------------------------------------


def catalog(language: str) -> Catalog:
    file = CODE / "locale" / to_locale(language) / "LC_MESSAGES" / "django.po"
    assert file.exists(), f"{language} is in settings.LANGUAGES, but has no {file.relative_to(settings.BASE_DIR)}"
    with file.open("rb") as po:
        return read_po(po)


def untranslated(keys: set[Key], words: Catalog) -> list[str]:
    """What is missing, empty in one of its forms, or only guessed."""
    problems = []
    for key in sorted(keys, key=str):
        message = words.get(*key)
        if message is None:
            problems.append(f"missing: {key[0]}")
        elif not all(text.strip() for text in _translations(message)):
            problems.append(f"untranslated: {key[0]}")
        elif message.fuzzy:
            problems.append(f"fuzzy: {key[0]}")
    return problems


PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}|</?[a-z]+[^>]*>")


def broken_placeholders(words: Catalog) -> list[str]:
    """Translations that lose, add or change a placeholder or an HTML tag."""
    return [
        f"{text} (instead of: {source})"
        for message in words
        if message.id
        for source in [message.id if isinstance(message.id, str) else message.id[1]]
        for text in _translations(message)
        if text and sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(source))
    ]


def _translations(message: Message) -> Iterator[str]:
    yield from (message.string,) if isinstance(message.string, str) else message.string


# --- Words outside of gettext ----------------------------------------------------------------------------------------

READ_ATTRIBUTES = {"alt", "aria-description", "aria-label", "placeholder", "title"}
UNREAD = {"script", "style"}
LETTERS = re.compile(r"[^\W\d_]+")
TAGS = re.compile(
    r"\{%\s*comment\b.*?%\}.*?\{%\s*endcomment\s*%\}"
    r"|\{%\s*blocktrans(?:late)?\b.*?%\}.*?\{%\s*endblocktrans(?:late)?\s*%\}"
    r"|\{#.*?#\}|\{%.*?%\}",
    re.DOTALL,
)
VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
WORDS_IN_A_FILTER = re.compile(r"""\|(?:default|default_if_none|yesno|add|pluralize):(["'])(.*?)\1""")


class VisibleText(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.unread = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.unread = tag if tag in UNREAD else ""
        self.found += [value or "" for name, value in attributes if name in READ_ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self.unread = ""

    def handle_data(self, text: str) -> None:
        if not self.unread:
            self.found.append(text)


def words_outside_of_gettext(template: str) -> list[str]:
    reader = VisibleText()
    without_tags = TAGS.sub("", template)
    reader.feed(VALUE.sub("", without_tags))
    reader.close()
    values = VALUE.findall(without_tags)
    in_filters = [words for value in values for _quote, words in WORDS_IN_A_FILTER.findall(value)]
    return [text.strip() for text in reader.found + in_filters if LETTERS.search(text)]


# --- The product -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_translated(language: str) -> None:
    assert untranslated(translatable(), catalog(language)) == [], "run .ci/messages and fill in what is empty"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_their_placeholders(language: str) -> None:
    assert broken_placeholders(catalog(language)) == []


@pytest.mark.parametrize("file", templates(), ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_template_holds_no_words_outside_of_gettext(file: Path) -> None:
    assert words_outside_of_gettext(file.read_text(encoding="utf-8")) == []


# --- That these tests can fail ---------------------------------------------------------------------------------------


def po(text: str) -> Catalog:
    header = 'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    return read_po(io.BytesIO((header + text).encode()))


def test_words_are_found_in_python_under_every_name_of_gettext() -> None:
    source = """
label = _("plain")
lazy = gettext_lazy("late " "and long")
many = ngettext_lazy("one", "several", 2)
month = pgettext_lazy("month", "May")
not_translatable = "text"
"""
    assert translatable_in_python(source) == {
        ("plain", None),
        ("late and long", None),
        ("one", None),
        ("May", "month"),
    }


def test_words_are_found_in_templates_in_every_tag_that_translates() -> None:
    source = """{% load i18n %}
    <p>{% translate "plain" %} {% trans 'quoted' %}</p>
  <p>{{ text|default:_("otherwise") }} {% translate "May" context "month" %}</p>
      {% blocktranslate count number=all|length %}{{ number }} time{% plural %}{{ number }} times{% endblocktranslate %}
 {% blocktranslate trimmed with when=start|date:"H:i" %}
   at
   {{ when }}
 {% endblocktranslate %} it's not "translatable" (
"""
    assert translatable_in_template(source) == {
        ("plain", None),
        ("quoted", None),
        ("otherwise", None),
        ("May", "month"),
        ("%(number)s time", None),
        ("at %(when)s", None),
    }


def test_the_product_has_words_in_templates_and_in_code() -> None:
    assert {("What would you like to book?", None), ("First name", None)} <= translatable()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('msgid "other"\nmsgstr "annan"\n', "missing: time"),
        ('msgid "time"\nmsgstr ""\n', "untranslated: time"),
        ('msgid "time"\nmsgid_plural "times"\nmsgstr[0] "tid"\nmsgstr[1] ""\n', "untranslated: time"),
        ('#, fuzzy\nmsgid "time"\nmsgstr "tid"\n', "fuzzy: time"),
        ('#~ msgid "time"\n#~ msgstr "tid"\n', "missing: time"),
        ('msgctxt "of day"\nmsgid "time"\nmsgstr "tid"\n', "missing: time"),
    ],
)
def test_an_incomplete_translation_is_noticed(text: str, problem: str) -> None:
    assert untranslated({("time", None)}, po(text)) == [problem]


def test_a_complete_translation_is_not_complained_about() -> None:
    text = 'msgid "%(n)s time"\nmsgid_plural "%(n)s times"\nmsgstr[0] "%(n)s tid"\nmsgstr[1] "%(n)s tider"\n'
    assert untranslated({("%(n)s time", None)}, po(text)) == []
    assert broken_placeholders(po(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        'msgid "until %(time)s"\nmsgstr "till"\n',
        'msgid "until then"\nmsgstr "till %(time)s"\n',
        'msgid "until %(time)s"\nmsgstr "till %(tid)s"\n',
        'msgid "%(digits)d digits"\nmsgstr "%(digits)s siffror"\n',
        'msgid "until {time}"\nmsgstr "till {tid}"\n',
        'msgid "<strong>Not</strong> again"\nmsgstr "Inte igen"\n',
        'msgid "%(n)s time"\nmsgid_plural "%(n)s times"\nmsgstr[0] "en tid"\nmsgstr[1] "%(n)s tider"\n',
    ],
)
def test_a_lost_added_or_changed_placeholder_is_noticed(text: str) -> None:
    assert len(broken_placeholders(po(text))) == 1


@pytest.mark.parametrize(
    "template",
    [
        "<p>Book</p>",
        "{% load i18n %}<p>{% translate 'Book' %} now</p>",
        "<p>{{ name }} år</p>",
        '<input placeholder="Your name">',
        '<nav aria-label="Other {{ thing }}">',
        '<a{% if here %} class="on"{% endif %} title="Back">–</a>',
        '<img alt="A tooth">',
        "<script>x</script>Book",
        "{% comment %}no{% endcomment %}Book{# no #}",
        '{{ refusal|default:"Please call us" }}',
        "Dear {{ name }},\n\nyour time is booked.",
    ],
)
def test_words_outside_of_gettext_are_noticed(template: str) -> None:
    assert words_outside_of_gettext(template)


@pytest.mark.parametrize(
    "template",
    [
        '{% load i18n %}<h1 class="big" data-x="y">{% translate "Book" %}</h1>',
        "{% blocktranslate with a=b %}Until {{ a }}{% endblocktranslate %} – 12:00 …",
        '<a aria-label="{% translate \'Language\' %}" href="/x">{{ other.name }}</a>',
        "<script>let book = 1;</script><style>p { color: red }</style><!-- a note -->",
        "{% comment %}Book{% endcomment %}{# Book #}",
        '<p>{{ refusal|default:_("Please call us") }} {{ start|date:"l j F" }}</p>',
        '<!doctype html><html lang="{{ language }}"><meta name="robots" content="noindex">',
    ],
)
def test_markup_values_and_translated_words_are_not_complained_about(template: str) -> None:
    assert words_outside_of_gettext(template) == []
