"""One image under several spellings of its name; one text in several encodings."""

import unicodedata

import pytest

from refmask.errors import InputError
from refmask.ops.finding import image_key, image_stem, leads_out, located
from refmask.ops.reading import decode_text

CAFE = "photos/café 1.jpg"
SPELLINGS = (
    CAFE,
    unicodedata.normalize("NFD", CAFE),
    "photos\\café 1.jpg",
    "photos/caf%C3%A9%201.jpg",
    unicodedata.normalize("NFD", "photos\\café%201.jpg"),
)


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_are_one_image(name):
    assert image_key(name) == CAFE
    assert image_stem(name) == "café 1"
    assert image_key("photos/cafe 1.jpg") != CAFE


@pytest.mark.parametrize("there", [CAFE, *SPELLINGS[1::2]])
@pytest.mark.parametrize("asked", SPELLINGS)
def test_a_file_is_found_under_any(tmp_path, there, asked):
    (tmp_path / "photos").mkdir()
    (tmp_path / there).touch()
    assert located(tmp_path / asked) == tmp_path / there
    assert located(tmp_path / "photos/cafe.jpg") == tmp_path / "photos/cafe.jpg"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_texts(encoding):
    assert decode_text("the café\n中".encode(encoding), "a.txt") == "the café\n中"


def test_the_other_byte_order_and_no_text():
    assert decode_text("\ufeffthe dog".encode("utf-16-be"), "a.txt") == "the dog"
    assert decode_text(b"", "a.txt") == ""
    with pytest.raises(InputError, match=r"a\.txt is not UTF-8 text"):
        decode_text(b"caf\xe9", "a.txt")


@pytest.mark.parametrize(
    "name", ["/x.png", "../x.png", "a/../../x.png", "..\\x.png", "%2e%2e/x.png", "..%2Fx.png"]
)
def test_names_that_lead_out_of_their_folder_are_known(name):
    assert leads_out(name)
    assert not leads_out(f"a{name.replace('/', '_').replace(chr(92), '_').replace('%2F', '_')}")


@pytest.mark.parametrize("name", ["a\ud800.png", "a" * 300, "a\0b"])
def test_names_that_no_file_can_have_are_no_file(tmp_path, name):
    assert located(tmp_path / name) == tmp_path / name
