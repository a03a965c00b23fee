from pathlib import Path

from PIL import Image

from tests.support.pictures import KEPT, difference


def picture(file: Path, *, spot: int = 0, size: int = 100, colour: str = "#0a6b50") -> Path:
    image = Image.new("RGB", (size, 100), "white")
    image.paste(colour, (10, 20, 10 + spot, 20 + spot))
    image.save(file)
    return file


def test_a_changed_picture_is_reported_with_the_place_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    kept = picture(tmp_path / "kept.png")
    assert difference(kept, picture(tmp_path / "same.png", spot=3)) == ""
    moved = difference(kept, picture(tmp_path / "moved.png", spot=10))
    assert moved == "moved.png: 1.0% dos pontos mudaram, entre (10, 20) e (20, 30)."
    other = picture(tmp_path / "other.png", spot=10, colour="#6b0a50")  # as dark as the first, and another colour
    assert "1.0%" in difference(picture(tmp_path / "kept2.png", spot=10), other)
    assert "o tamanho mudou" in difference(kept, picture(tmp_path / "wide.png", size=120))
    assert "não há imagem guardada" in difference(tmp_path / "none.png", kept)


def test_the_walk_is_kept_in_six_pictures_on_desktop_and_phone_in_light_and_dark() -> None:
    assert len(list(KEPT.glob("[1-6]-*-*-*.png"))) == 24
