from datetime import timedelta
from pathlib import Path

import pytest

from web.settings import Settings, StartRefused, read_env_file


def test_without_variables_the_panel_is_for_this_machine_only() -> None:
    settings = Settings.from_environment({})
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8000, Path("data"))
    assert settings.has_secure_cookies


def test_a_hash_may_cost_more_and_down_to_the_floor() -> None:
    """ASVS V11.4.2."""
    for text in ("m=262144,t=4,p=2", "m=19456,t=2,p=1"):
        assert str(Settings.from_environment({"PANEL_HASH_COST": text}).hash_cost) == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PANEL_PORT", "0"),
        ("PANEL_PORT", "http"),
        ("PANEL_PASSWORD_MIN", "7"),
        ("PANEL_PASSWORD_MIN", "65"),
        ("PANEL_ALLOW_HTTP", "yes"),
        ("PANEL_SESSION_IDLE", "1441"),
        ("PANEL_SESSION_MAX", "721"),
        ("PANEL_TRUSTED_PROXIES", "*"),
        ("PANEL_NAME", "a:b"),
        ("PANEL_NAME", "a\u200bb"),
        ("PANEL_NAME", "x" * 65),
        ("PANEL_HSTS_SUBDOMAINS", "no"),
        ("PANEL_PUBLIC_URL", "https://painel.test/caminho"),
        ("PANEL_PUBLIC_URL", "painel.test"),
        ("PANEL_PUBLIC_URL", "http://painel.test"),
        ("PANEL_HOST", "0.0.0.0"),  # noqa: S104
        ("PANEL_LOG_KEEP", "29"),
        ("PANEL_LOG_KEEP", "731"),
        ("PANEL_WORKERS", "0"),
        ("PANEL_HASH_COST", "m=19455,t=2,p=1"),
        ("PANEL_HASH_COST", "m=99999,t=1,p=1"),
        ("PANEL_HASH_COST", "m=99999,t=2"),
        ("PANEL_KEEP_HASH_MEMORY", "2"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(StartRefused, match=name):
        Settings.from_environment({name: value})


def test_a_panel_name_is_refused_for_what_is_wrong_with_it() -> None:
    wrong = {"a:b": "dois-pontos", "\u3164": "não aparecem", "a\u202eb": r"U\+202E", "x" * 65: "tem 65 caracteres"}
    for value, reason in wrong.items():
        with pytest.raises(StartRefused, match=reason):
            Settings.from_environment({"PANEL_NAME": value})
    joined = "Padaria \U0001f469\u200d\U0001f373"
    assert Settings.from_environment({"PANEL_NAME": f"\u200b{joined}\u00a0"}).name == joined


def test_beyond_this_machine_it_takes_a_proxy_or_an_explicit_risk() -> None:
    proxied = {"PANEL_HOST": "0.0.0.0", "PANEL_TRUSTED_PROXIES": "10.0.0.2, ::1"}  # noqa: S104
    assert Settings.from_environment(proxied).trusted_proxies == ("10.0.0.2", "::1")
    open_to_all = Settings.from_environment({"PANEL_HOST": "0.0.0.0", "PANEL_ALLOW_HTTP": "1"})  # noqa: S104
    assert not open_to_all.has_secure_cookies


def test_times_are_minutes_and_hours() -> None:
    settings = Settings.from_environment({"PANEL_SESSION_IDLE": "30", "PANEL_SESSION_MAX": "24"})
    assert (settings.session_idle, settings.session_max) == (timedelta(minutes=30), timedelta(days=1))


def test_only_known_hosts_are_known() -> None:
    settings = Settings(public_url="https://painel.test")
    assert all(settings.knows_host(host) for host in ("painel.test", "localhost", "127.0.0.1", "::1"))
    assert not any(settings.knows_host(host) for host in ("e.com", "192.168.0.9", None, ""))
    assert Settings(host="0.0.0.0", allow_http=True).knows_host("192.168.0.9")  # noqa: S104


def test_an_env_file_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('# comentário\nPANEL_NAME="Meu Painel"\nPANEL_PORT = 9000\n\nnonsense\n')
    assert read_env_file(file) == {"PANEL_NAME": "Meu Painel", "PANEL_PORT": "9000"}
    assert read_env_file(tmp_path / "none") == {}
