"""What happened, for the people who watch the server: one JSON line per event on stderr (ASVS V16.2).

Only the fields named here are ever written, so that no secret slips in; what people send is cut and escaped.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from web.audit.events import Event
from web.limits import LOGGED_MAX
from web.visit.visit import Visit

FIELDS = ("user_id", "session_ref", "net", "ua", "result", "method", "route", "reason", "request_id")
_logger = logging.getLogger("panel")


class Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """`ts` in UTC (RFC 3339), `level`, `event`, and what else is known; `trace` for a fault."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        is_ours = record.name == _logger.name
        event = record.getMessage() if is_ours else "server.message"  # a message of a library
        line = {"ts": moment.replace("+00:00", "Z"), "level": record.levelname.lower(), "event": event}
        if not is_ours:
            line["reason"] = record.getMessage()
        line |= {field: record.__dict__[field] for field in FIELDS if record.__dict__.get(field) is not None}
        line = {field: value[:LOGGED_MAX] if isinstance(value, str) else value for field, value in line.items()}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def to_stderr() -> None:
    """Every process that serves calls this once."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(handlers=[handler], force=True)
    _logger.setLevel(logging.INFO)


def record(visit: Visit, event: Event, account_id: int | None, session_id: str | None) -> None:
    """Log an event that the activity records too."""
    result = "failed" if event.failure else "ok"
    who = {"user_id": "unknown" if account_id is None else account_id, "session_ref": session_id}
    _logger.info(event, extra=who | _sender(visit) | {"result": result})


def denied(visit: Visit, reason: str) -> None:
    """Log a refused request."""
    _logger.warning("access.denied", extra=_sender(visit) | _target(visit) | {"reason": reason})


def fault(visit: Visit, error: Exception) -> None:
    _logger.error("error.internal", extra=_sender(visit) | _target(visit), exc_info=error)


def trouble(event: str, reason: object) -> None:
    _logger.warning(event, extra={"reason": str(reason)})


def _sender(visit: Visit) -> dict[str, object]:
    return {"net": visit.network, "ua": visit.user_agent, "request_id": visit.arrival.request_id}


def _target(visit: Visit) -> dict[str, object]:
    """Without the query string, which may hold what somebody searched for."""
    request = visit.arrival.request
    return {"method": request.method if request else None, "route": visit.path}
