"""Waits, and tries that are left, in words."""

from datetime import timedelta

from markupsafe import Markup

SECONDS_TOLD = 120  # a longer wait is told in minutes


def wait(left: timedelta) -> str:
    """A wait in words: seconds up to two minutes, then whole minutes, rounded up."""
    seconds = _seconds(left)
    return f"{seconds} s" if seconds <= SECONDS_TOLD else f"{-(-seconds // 60)} min"


def counted(sentence: str, left: timedelta) -> Markup:
    """A sentence with a wait in it; where it is told in seconds, the script counts them down."""
    said, seconds = Markup.escape(sentence.format(wait(left))), _seconds(left)
    return Markup('<span data-wait="{}">{}</span>').format(seconds, said) if seconds <= SECONDS_TOLD else said


def _seconds(left: timedelta) -> int:
    return max(1, -(-left // timedelta(seconds=1)))


def duration(length: timedelta) -> str:
    """Whole hours, else minutes: "1 hora", "90 minutos"."""
    minutes = length // timedelta(minutes=1)
    count, one, many = (minutes, "minuto", "minutos") if minutes % 60 else (minutes // 60, "hora", "horas")
    return f"{count} {one if count == 1 else many}"


def tries_left(count: int) -> str:
    return " Falta 1 tentativa." if count == 1 else f" Faltam {count} tentativas."
