"""Creates or updates practices from a practices file."""

import pathlib
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from booking import audit, practices


class Command(BaseCommand):
    help = "Creates or updates practices from a TOML file. A bad file changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=pathlib.Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: pathlib.Path = options["file"]
        try:
            done = practices.load(file.read_text(encoding="utf-8"), actor=audit.COMMAND, folder=file.parent)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file}: cannot be read: {error}") from error
        except practices.BadPractices as bad:
            raise CommandError("\n".join(f"{file}: {line}" for line in bad.lines)) from bad
        for slug, what in done:
            self.stdout.write(f"{slug}: {what}")
