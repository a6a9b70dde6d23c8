"""What must not stand in a log line."""

import logging
import re


class WithoutTokens(logging.Filter):
    """Takes the tokens that open a patient's booking out of a log line."""

    SECRET = re.compile(r"(/booking/|/manage/|held=|screened=)[A-Za-z0-9_.:-]{40,}")

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.SECRET.sub(r"\1…", record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:  # also one that another handler wrote first
            record.exc_text = self.SECRET.sub(r"\1…", record.exc_text)
        return True
