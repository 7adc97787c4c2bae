"""Logs: one line a fact, as JSON for machines or coloured for people.

Called once by each service's `__main__`. Libraries that log through the standard library come out in the
same form, from WARNING up, because FastStream's line per message alone costs 12 % of the throughput.
"""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["json", "console"]


def configure(service: str, level: str = "INFO", form: LogFormat = "json") -> None:
    """Set up structlog and the standard library's logging for this process. Raises ValueError for a bad level."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}: use DEBUG, INFO, WARNING or ERROR")
    shared_steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form, shared_steps))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("services").setLevel(number)
    logging.getLogger("shared").setLevel(number)
    structlog.contextvars.bind_contextvars(service=service)


def _formatter(form: LogFormat, steps: list[structlog.typing.Processor]) -> logging.Formatter:
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        # Not the formatter that shows local variables: keys and logins are among them.
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=steps,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
