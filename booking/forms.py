"""The details form, made from what the practice's vendor needs and the practice asks for; and the screening form."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import phonenumbers
from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking import personal_numbers
from booking.connections import country_of, vendor_for
from booking.models import Practice
from vendors.base import Asked, Field, ScreeningQuestion

MAIL_DOMAINS = [
    *("gmail.com", "hotmail.com", "outlook.com", "icloud.com", "yahoo.com", "live.com", "proton.me", "protonmail.com"),
    *("telia.com", "hotmail.se", "live.se", "yahoo.se", "outlook.se", "bredband.net", "comhem.se", "online.no"),
    *("hotmail.co.uk", "yahoo.co.uk", "btinternet.com", "gmx.de", "web.de", "libero.it", "ziggo.nl", "azet.sk"),
]


def likely_typo(email: str) -> str:
    """The address that was probably meant, or empty."""
    name, _at, domain = email.rpartition("@")
    domain = domain.lower()
    if not name or domain in MAIL_DOMAINS:
        return ""
    near = difflib.get_close_matches(domain, MAIL_DOMAINS, n=1, cutoff=0.82)
    return f"{name}@{near[0]}" if near else ""


def cleaned_text(value: str) -> str:
    """Composed accents, one blank between words, nothing invisible."""
    value = unicodedata.normalize("NFC", value)
    value = "".join(
        c for c in value if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") or c in "\u200c\u200d\n\t"
    )
    return re.sub(r"[^\S\n]+", " ", value).strip()


class TextField(forms.CharField):
    def to_python(self, value: Any) -> str:
        return cleaned_text(super().to_python(value) or "")


class NameField(TextField):
    def to_python(self, value: Any) -> str:
        return re.sub(r"\s+", " ", super().to_python(value))

    def validate(self, value: str) -> None:
        super().validate(value)
        if value and not any(c.isalpha() for c in value):
            raise forms.ValidationError(_("Enter the name in letters."))


class PhoneField(forms.CharField):
    """Written in any of the usual ways; E.164 afterwards."""

    def __init__(self, *, country: str, **options: Any) -> None:
        self.country = country
        super().__init__(**options)

    def clean(self, value: Any) -> str:
        text = cleaned_text(super().clean(value))  # one that was copied often has invisible marks around it
        if not text:
            return ""
        try:
            number = phonenumbers.parse(text, self.country)
        except phonenumbers.NumberParseException:
            number = None
        if number is None or not phonenumbers.is_possible_number(number) or not phonenumbers.is_valid_number(number):
            raise forms.ValidationError(
                _("Enter a phone number with its area or country code, for example %(example)s."),
                params={"example": example_number(self.country)},
            )
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def example_number(country: str) -> str:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    return (
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL) if example else "+46 70 123 45 67"
    )


class PersonalNumberField(forms.CharField):
    """`YYYYMMDD` and the control digits afterwards."""

    def __init__(self, *, country: str, **options: Any) -> None:
        self.country = country
        super().__init__(**options)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        try:
            return personal_numbers.read(text, self.country, timezone.localdate())
        except personal_numbers.NotAPersonalNumber as error:
            raise forms.ValidationError(PERSONAL_NUMBER_ERRORS[error.args[0]]) from error


PERSONAL_NUMBER_FORMS = {"SE": _("YYYYMMDD-NNNN"), "NO": _("DDMMYY NNNNN")}
PERSONAL_NUMBER_ERRORS = {
    "form": _("Write the whole personal number, with all its digits."),
    "date": _("The date in this personal number does not exist. Check the digits."),
    "control digit": _("This personal number has a mistake in it: its last digit does not fit. Check the digits."),
}


class PostalCodeField(forms.CharField):
    """Letters and digits without blanks afterwards."""

    LENGTHS = {"SE": 5, "NO": 4}

    def __init__(self, *, country: str, **options: Any) -> None:
        self.country = country
        super().__init__(**options)

    def clean(self, value: Any) -> str:
        code = re.sub(r"[\s-]", "", super().clean(value)).upper()
        wanted = self.LENGTHS.get(self.country)
        if code and wanted and not re.fullmatch(rf"\d{{{wanted}}}", code):
            raise forms.ValidationError(_("A postal code here has %(digits)d digits."), params={"digits": wanted})
        if code and not re.fullmatch(r"[A-Z0-9]{2,10}", code):
            raise forms.ValidationError(_("Write the postal code with letters and digits only."))
        return code


class BirthDateField(forms.DateField):
    def validate(self, value: Any) -> None:
        super().validate(value)
        today = timezone.localdate()
        if value and (value > today or value.year < today.year - 130):
            raise forms.ValidationError(_("Check the year: this cannot be a date of birth."))


def _text(autocomplete: str, **attributes: str) -> forms.TextInput:
    return forms.TextInput({"autocomplete": autocomplete, **attributes})


def _field(asked: Asked, country: str) -> forms.Field:
    options: dict[str, Any] = {"required": asked.required}
    widget: forms.Widget
    limited = {**options, "max_length": asked.max_length}
    match asked.field:
        case Field.FIRST_NAME:
            return NameField(label=_("First name"), widget=_text("given-name"), **limited)
        case Field.LAST_NAME:
            return NameField(label=_("Last name"), widget=_text("family-name"), **limited)
        case Field.EMAIL:
            widget = forms.EmailInput({"autocomplete": "email", "inputmode": "email", "spellcheck": "false"})
            errors = {"invalid": _("Write an e-mail address like name@example.com.")}
            return forms.EmailField(label=_("E-mail"), widget=widget, error_messages=errors, **limited)
        case Field.PHONE:
            widget = forms.TextInput({"type": "tel", "autocomplete": "tel", "inputmode": "tel"})
            return PhoneField(label=_("Phone"), widget=widget, country=country, max_length=40, **options)
        case Field.BIRTH_DATE:
            widget = forms.DateInput({"type": "date", "autocomplete": "bday"}, format="%Y-%m-%d")
            errors = {"invalid": _("Write the date of birth as year-month-day, for example 1980-05-31.")}
            formats = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y"]
            return BirthDateField(
                label=_("Date of birth"), widget=widget, input_formats=formats, error_messages=errors, **options
            )
        case Field.PERSONAL_NUMBER:
            return PersonalNumberField(
                label=_("Personal number"),
                help_text=PERSONAL_NUMBER_FORMS.get(country, ""),
                widget=_text("off", inputmode="text", spellcheck="false"),
                country=country,
                max_length=30,
                **options,
            )
        case Field.POSTAL_CODE:
            widget = _text("postal-code", inputmode="numeric" if country in PostalCodeField.LENGTHS else "text")
            return PostalCodeField(label=_("Postal code"), widget=widget, country=country, max_length=12, **options)
        case Field.NOTE:
            widget = forms.Textarea({"rows": 3})
            return TextField(label=_("Message to the clinic"), widget=widget, **limited)


class DetailsForm(forms.Form):
    """`refused`: names of fields that the vendor did not accept as they were typed."""

    use_required_attribute = False  # our own messages say more, and stand beside the field
    error_css_class = "error"

    def __init__(
        self,
        practice: Practice,
        questions: Sequence[Mapping[str, Any]],
        *args: Any,
        refused: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **{"label_suffix": "", "auto_id": "id_%s", **options})
        self.questions = questions
        self.refused = refused
        country = country_of(practice)
        for asked in vendor_for(practice).asks():
            self.fields[asked.field.value] = _field(asked, country)
        for question in questions:
            self.fields[f"question_{question['id']}"] = TextField(
                label=question["text"],
                help_text=question["help"],
                required=question["required"],
                max_length=2048,
                widget=forms.Textarea({"rows": 2, "autocomplete": "off"}),
            )
        if practice.privacy_url:
            self.fields["consent"] = forms.BooleanField(
                label=_("I have read how my details are used"),
                error_messages={"required": _("Tick this box to continue.")},
            )
        for name, field in self.fields.items():
            field.error_messages.setdefault("required", REQUIRED)
            if name != "consent":
                field.error_messages["required"] = REQUIRED
            field.widget.attrs["aria-describedby"] = f"id_{name}_help id_{name}_error"
            if field.required:
                field.widget.attrs["aria-required"] = "true"
        for name in refused:
            if name in self.fields:
                self.fields[name].widget.attrs["aria-invalid"] = "true"

    @property
    def is_blank(self) -> bool:
        """Whether it looks the same to every patient of whom the same is asked."""
        return not (self.is_bound or self.initial or self.refused)

    @property
    def refused_text(self) -> str:
        return str(REFUSED)

    def wrong(self) -> list[tuple[str, Any, str]]:
        """(name, label, message) of each field to look at again, in the order of the page."""
        if self.is_bound:
            return [(n, self.fields[n].label, str(e[0])) for n, e in self.errors.items() if n in self.fields]
        return [(n, f.label, str(REFUSED)) for n, f in self.fields.items() if n in self.refused]

    def details(self) -> dict[str, Any]:
        """What to remember of a valid form."""
        answers, given = {}, {}
        for name, value in self.cleaned_data.items():
            if name.startswith("question_"):
                answers[name.removeprefix("question_")] = value
            elif name == Field.BIRTH_DATE:
                given[name] = value.isoformat() if value else ""
            else:
                given[name] = value
        return {**given, "answers": answers}


def initial(practice: Practice, details: Mapping[str, Any]) -> dict[str, Any]:
    """What was remembered, as the form's first values."""
    values = {**details, **{f"question_{name}": value for name, value in details.get("answers", {}).items()}}
    if values.get(Field.PERSONAL_NUMBER):
        values[Field.PERSONAL_NUMBER] = personal_numbers.written(values[Field.PERSONAL_NUMBER], country_of(practice))
    return values


REQUIRED = _("Fill this in.")
REFUSED = _("The clinic’s booking system did not accept this. Check it and change it if something is wrong.")


class ScreeningForm(forms.Form):
    """One yes or no for each question."""

    use_required_attribute = False

    def __init__(self, questions: Sequence[ScreeningQuestion], *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", "auto_id": "id_%s", **options})
        self.questions = questions
        for number, question in enumerate(questions):
            self.fields[f"screening_{number}"] = forms.ChoiceField(
                label=question.text,
                help_text=question.help,
                choices=[("yes", _("Yes")), ("no", _("No"))],
                widget=forms.RadioSelect,
                error_messages={"required": _("Answer with yes or no."), "invalid_choice": _("Answer with yes or no.")},
            )

    def refusal(self) -> ScreeningQuestion | None:
        """The first question whose answer ends the booking here, of a valid form."""
        for number, question in enumerate(self.questions):
            if (self.cleaned_data[f"screening_{number}"] == "yes") != question.needs_yes:
                return question
        return None

    def wrong(self) -> list[tuple[str, Any, str]]:
        return [(n, self.fields[n].label, str(e[0])) for n, e in self.errors.items()]
