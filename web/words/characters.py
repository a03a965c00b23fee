"""Characters that come along unseen when people type on a phone or paste, and what a name may hold of them."""

import re

# Default_Ignorable_Code_Point (Unicode 17, DerivedCoreProperties.txt), as the inside of a character class.
IGNORABLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Unicode's Dash_Punctuation and the minus sign: what editors and messengers make of a hyphen.
HYPHENS = (
    r"\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0"
    r"\ufe31\ufe32\ufe58\ufe63\uff0d\U00010d6e\U00010ead\u2212"
)
# Shown as nothing as well: the empty Braille cell, an empty note, fillers, annotation marks, what is no character.
BLANK = re.compile(
    rf"[\s\x00-\x1f\x7f-\x9f{IGNORABLE}\u2800\ufff9-\ufffc\U00016fe4\U0001d159\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
SEPARATORS = re.compile(rf"[\s{IGNORABLE}{HYPHENS}]+")
# In the middle of a name: control and bidirectional characters, line ends, what no writing system needs and nobody
# sees. The joiners of emoji and Persian, and variation selectors, are none of these.
FORBIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd\ufffe\uffff\ud800-\udfff]"
)
# What `trim` takes off: blanks, and characters without width that set no direction.
ENDS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u00ad\u034f\u180e\u200b\u200c\u200d\u2060\ufeff"


def trim(text: str) -> str:
    """Without the blanks at both ends that keyboards add after a suggestion, and what is as little seen."""
    return text.strip(ENDS)


def joined(code: str) -> str:
    """A code without the blanks, hyphens and unseen characters that it was written or pasted with."""
    return SEPARATORS.sub("", code)


def name_refusal(typed: str, *, longest: int) -> str:
    """Why this cannot name a panel or an instance, in a sentence, or "" when it can; `longest` in code points."""
    name = trim(typed)
    if not typed.strip():
        return f"Dê um nome de 1 a {longest} caracteres."
    if not BLANK.sub("", name):
        return "Este nome só tem caracteres que não aparecem. Dê um que se possa ler."
    if len(name) > longest:
        return f"O nome tem {len(name)} caracteres; cabem {longest}."
    if ":" in name:  # it divides otpauth labels
        return "O nome não pode ter dois-pontos."
    if found := FORBIDDEN.search(name):
        return f"O nome tem um caractere invisível ou quebrado (U+{ord(found[0]):04X}). Digite o nome em vez de colar."
    return ""
