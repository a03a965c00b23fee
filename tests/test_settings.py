import re
from datetime import timedelta
from pathlib import Path

import pytest

from web.settings import ROOT, Settings, StartRefused, read_env_file


def test_without_variables_the_panel_is_for_this_machine_only() -> None:
    settings = Settings.from_environment({})
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8000, ROOT / "data")
    assert not settings.allow_http


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
        ("PANEL_TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0"),
        ("PANEL_TRUSTED_PROXIES", "::/0"),
        ("PANEL_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("PANEL_NAME", "a:b"),
        ("PANEL_NAME", "a\u200bb"),
        ("PANEL_NAME", "x" * 65),
        ("PANEL_HELP", "x" * 161),
        ("PANEL_HELP", "Fale com\u202e o Bruno."),
        ("PANEL_HELP", "\u200b"),
        ("PANEL_HSTS_SUBDOMAINS", "no"),
        ("PANEL_PUBLIC_URL", "https://painel.test/caminho"),
        ("PANEL_PUBLIC_URL", "painel.test"),
        ("PANEL_PUBLIC_URL", "http://painel.test"),
        ("PANEL_FORMER_URLS", "http://antigo.test"),
        ("PANEL_FORMER_URLS", "https://10.0.0.1"),
        ("PANEL_FORMER_URLS", "https://antigo.test,"),
        ("PANEL_FORMER_URLS", "https://antigo.test"),  # without an address of now
        ("PANEL_HOST", "0.0.0.0"),  # noqa: S104
        ("PANEL_LOG_KEEP", "29"),
        ("PANEL_LOG_KEEP", "731"),
        ("PANEL_INSTANCES_MAX", "0"),
        ("PANEL_INSTANCES_MAX", "1001"),
        ("PANEL_WORKERS", "0"),
        ("PANEL_HASH_COST", "m=19455,t=2,p=1"),
        ("PANEL_HASH_COST", "m=99999,t=1,p=1"),
        ("PANEL_HASH_COST", "m=99999,t=2"),
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


def test_listening_beyond_this_machine_takes_a_proxy_or_an_explicit_risk() -> None:
    proxied = {"PANEL_HOST": "0.0.0.0", "PANEL_TRUSTED_PROXIES": "10.0.0.2, ::1"}  # noqa: S104
    assert [str(network) for network in Settings.from_environment(proxied).trusted_proxies] == [
        "10.0.0.2/32",
        "::1/128",
    ]
    open_to_all = Settings.from_environment({"PANEL_HOST": "0.0.0.0", "PANEL_ALLOW_HTTP": "1"})  # noqa: S104
    assert open_to_all.allow_http


def test_relative_folders_are_in_the_checkout() -> None:
    for said, meant in (
        ("x/y", ROOT / "x/y"),
        ("~/painel", Path.home() / "painel"),
        ("/srv/painel", Path("/srv/painel")),
    ):
        settings = Settings.from_environment({"PANEL_DATA": said, "PANEL_SECRET_KEY_FILE": said})
        assert (settings.data, settings.key_file) == (meant, meant)
    with pytest.raises(StartRefused, match="PANEL_DATA=~nobody-here"):
        Settings.from_environment({"PANEL_DATA": "~nobody-here"})


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
    file.write_text('# comentário\nPANEL_NAME="Meu Painel"\nPANEL_PORT = 9000\n\nHOME_URL=x=y\n', encoding="utf-8-sig")
    assert read_env_file(file) == {"PANEL_NAME": "Meu Painel", "PANEL_PORT": "9000", "HOME_URL": "x=y"}
    assert read_env_file(tmp_path / "none") == {}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
def test_an_env_file_in_another_encoding_is_reported(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PANEL_NAME=Padaria São João\n", encoding=encoding)
    with pytest.raises(StartRefused, match=re.escape(f"{file} não está em UTF-8")):
        read_env_file(file)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("export PANEL_PORT=9000", r"linha 2: escreva só PANEL_PORT=valor"),
        ("nonsense", r"linha 2: falta a forma NOME=valor"),
        ("=9000", r"linha 2: falta a forma NOME=valor"),
        ("PANEL_PROT=9000", r"linha 2: PANEL_PROT não existe\. O nome certo é PANEL_PORT\?"),
        ("PAINEL_PORT=9000", r"linha 2: PAINEL_PORT não existe\. O nome certo é PANEL_PORT\?"),
        ("panel_port=9000", r"linha 2: panel_port não existe\. O nome certo é PANEL_PORT\?"),
        ("PANEL_QWXYZ=1", r"linha 2: PANEL_QWXYZ não existe\. Os nomes que existem estão no README"),
    ],
)
def test_an_invalid_line_of_an_env_file_is_reported(line: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"# comentário\n{line}\n")
    with pytest.raises(StartRefused, match=sentence):
        read_env_file(tmp_path / ".env")


def test_an_unknown_name_is_reported_with_the_nearest_one() -> None:
    with pytest.raises(
        StartRefused, match=r"^PANEL_TRUSTED_PROXY não existe\. O nome certo é PANEL_TRUSTED_PROXIES\?$"
    ):
        Settings.from_environment({"PANEL_TRUSTED_PROXY": "127.0.0.1", "PATH": "/bin"})
    others = {"PANEL_TEST_INSTALL": "1", "MY_PANEL": "x"}
    assert Settings.from_environment(others) == Settings.from_environment({})


@pytest.mark.parametrize("value", ["0", "1"])
def test_a_retired_setting_stops_no_start(value: str, tmp_path: Path) -> None:
    """The panel may have been updated beside an old .env."""
    file = tmp_path / ".env"
    file.write_text(f"PANEL_KEEP_HASH_MEMORY={value}\n")
    assert Settings.from_environment(read_env_file(file)) == Settings.from_environment({})


@pytest.mark.parametrize(
    ("chosen", "site"),
    [
        ({}, ("localhost", "http://localhost:8000")),
        ({"PANEL_PORT": "80"}, ("localhost", "http://localhost")),
        ({"PANEL_HOST": "::1"}, ("localhost", "http://localhost:8000")),
        ({"PANEL_HOST": "192.168.0.7"}, None),
        ({"PANEL_HOST": "casa.test"}, None),
        ({"PANEL_PUBLIC_URL": "http://localhost:9000"}, ("localhost", "http://localhost:9000")),
        ({"PANEL_PUBLIC_URL": "https://Painel.test:443/"}, ("painel.test", "https://painel.test")),
        ({"PANEL_PUBLIC_URL": "https://painel.test:8443"}, ("painel.test", "https://painel.test:8443")),
        ({"PANEL_PUBLIC_URL": "https://10.0.0.1"}, None),
        ({"PANEL_PUBLIC_URL": "https://[2001:db8::1]"}, None),
        ({"PANEL_PUBLIC_URL": "http://127.0.0.1:9000"}, None),
        ({"PANEL_PUBLIC_URL": "http://painel.test", "PANEL_ALLOW_HTTP": "1"}, None),
        (
            {"PANEL_PUBLIC_URL": "https://novo.test", "PANEL_FORMER_URLS": "https://a.test:444, https://b.test"},
            ("a.test", "https://novo.test"),
        ),
    ],
)
def test_passkeys_are_where_browsers_have_them(chosen: dict[str, str], site: tuple[str, str] | None) -> None:
    found = Settings.from_environment(chosen).passkey_site
    assert (found and (found.rp_id, found.origin)) == site
