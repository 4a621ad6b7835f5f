"""Pickles are looked at before an unpickler allocates what they ask for."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refmask.ops.pickles import check_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_what_pickle_writes_is_passed(value, protocol):
    content = pickle.dumps(value, protocol)
    check_pickle(content)
    check_pickle(content + b"anything after its end")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_many_things_to_remember_and_classes_are_passed(protocol):
    check_pickle(pickle.dumps([[str(i)] for i in range(70_000)], protocol))
    check_pickle(pickle.dumps([print, pytest.raises, bytearray(300)], protocol))


@pytest.mark.parametrize(
    "content",
    [b"\x80\x02]r\x00\x00\x00\x10.", b"]p268435456\n.", b"]p" + b"9" * 5000 + b"\n."],
)
def test_a_huge_number_to_remember_something_under_is_refused(content):
    with pytest.raises(pickle.UnpicklingError, match="memo"):
        check_pickle(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"]",
        b"K",
        b"X\xff\xff\xff\x7fabc.",  # a text of 2 GB
        b"\x96\x00\x00\x00\x00\x10\x00\x00\x00.",  # a bytearray of 64 GB
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"I12",
        b"cos\nsystem",
    ],
)
def test_what_is_cut_short_is_refused(content):
    with pytest.raises(pickle.UnpicklingError, match="truncated"):
        check_pickle(content)


def test_an_unknown_operation_is_refused():
    with pytest.raises(pickle.UnpicklingError, match="operation 255"):
        check_pickle(b"\xff.")
