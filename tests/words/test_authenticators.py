"""What a new passkey is called."""

import pytest

from web.limits import PASSKEY_NAME_MAX
from web.words.authenticators import AUTHENTICATORS, authenticator
from web.words.characters import name_refusal

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("aaguid", "agent", "name"),
    [
        ("ea9b8d664d011d213ce4b6b48cb575d4", FIREFOX, "Gerenciador de senhas do Google"),
        ("fbfc3007154e4ecc8c0b6e020557d7bd", "", "Senhas da Apple"),
        ("00000000000000000000000000000000", FIREFOX, "Firefox no Linux"),
        ("ffffffffffffffffffffffffffffffff", "", "Chave de acesso"),
    ],
)
def test_a_passkey_is_called_by_its_authenticator_or_by_the_browser(aaguid: str, agent: str, name: str) -> None:
    assert authenticator(bytes.fromhex(aaguid), agent) == name


def test_every_name_may_be_given_with_a_number_behind_it() -> None:
    assert all(len(aaguid) == 16 and any(aaguid) for aaguid in AUTHENTICATORS)
    assert not [name for name in AUTHENTICATORS.values() if name_refusal(f"{name} 11", longest=PASSKEY_NAME_MAX)]
