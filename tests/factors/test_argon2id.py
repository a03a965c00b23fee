import pytest

from web.crypto.argon2id import Phc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=19$m=0,t=1,p=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=19$m=8,t=1$c2FsdHNhbHQ$YWJj",
        "$argon2id$v=19$m=8,t=1,p=1$c2Fs*HNhbHQ$YWJj",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
    ],
)
def test_a_string_that_is_not_argon2id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, several causes
        Phc.read(text)
