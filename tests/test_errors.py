"""Messages of errors and warnings are one line, and change nothing on a terminal."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refmask.errors import InputError, MaskError, RefmaskError, RefmaskWarning


@pytest.mark.parametrize("kind", [RefmaskError, InputError, RefmaskWarning])
@given(text=st.text(), odd=st.sampled_from("\n\r\x0b\x0c\x1b\x1c\x85\x9b\u2028\0\x7f"))
def test_a_message_is_one_line_without_control_characters(kind, text, odd):
    message = str(kind(f"no {text}{odd} here"))
    assert len(message.splitlines()) == 1
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in message)
    assert message.startswith("no ")
    assert message.endswith(" here")


def test_what_can_be_printed_stays():
    assert (
        str(MaskError("masks of 'caf\u00e9 \u72d7  \u200d'"))
        == "masks of 'caf\u00e9 \u72d7  \u200d'"
    )
    assert str(MaskError("\x1b[2J")) == "\\x1b[2J"
    assert MaskError(3).args == (3,)


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(InputError("a\nb")))  # noqa: S301 - our own
    assert isinstance(error, InputError)
    assert error.args == ("a b",)
