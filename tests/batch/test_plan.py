"""Plans read from folders and tables, and cut into shards."""

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from refmask.batch.plan import Plan, Query, Shard, read_plan
from refmask.errors import ConfigurationError, InputError
from refmask.types import TargetPhrase

PHRASES = [TargetPhrase("the dog", "the dog", "the dog", "dog")] * 3


def expressions_of(plan):
    return {query.image: query.expressions for shard in plan.shards(100) for query in shard.queries}


def test_common_phrases_apply_to_all_images_of_a_folder(photos):
    plan = read_plan(str(photos), PHRASES)
    assert plan.images == 7
    assert plan.rows == 21
    assert set(expressions_of(plan).values()) == {None}


def test_a_table_holds_expressions_in_either_form(tmp_path):
    path = tmp_path / "expressions.csv"
    path.write_text('image,expression,other\nb.png,"the dog, left",1\n/a.png,cat,2\nb.png,,3\n')
    expected = {f"{tmp_path}/b.png": ("the dog, left", ""), "/a.png": ("cat",)}
    assert expressions_of(read_plan(str(path))) == expected
    assert list(expressions_of(read_plan(str(path)))) == list(
        expected
    )  # in the order of first rows
    lists = {"path": ["b.png", "/a.png"], "phrases": [["the dog, left", None], ["cat"]]}
    parquet.write_table(pyarrow.table(lists), tmp_path / "lists.parquet")
    assert expressions_of(read_plan(str(tmp_path / "lists.parquet"))) == expected
    assert expressions_of(read_plan((tmp_path / "lists.parquet").as_uri())) == {
        (tmp_path / "b.png").as_uri(): ("the dog, left", ""),
        "/a.png": ("cat",),
    }


def test_a_table_of_images_alone_needs_expressions(tmp_path):
    parquet.write_table(
        pyarrow.table({"uri": ["/a.png", "/b.png", "/a.png"]}), tmp_path / "t.parquet"
    )
    plan = read_plan(str(tmp_path / "t.parquet"), PHRASES)
    assert expressions_of(plan) == {"/a.png": None, "/b.png": None}
    with pytest.raises(ConfigurationError, match=r"there are no expressions"):
        read_plan(str(tmp_path / "t.parquet"))


def test_names_of_a_table_per_image_are_relative_to_the_folder(photos, tmp_path):
    table = tmp_path / "expressions.csv"
    table.write_text("image,expression\nmore of them/4.png,the dog\n")
    plan = read_plan(str(photos), per_image=str(table))
    assert expressions_of(plan) == {f"{photos}/more of them/4.png": ("the dog",)}
    with pytest.raises(ConfigurationError, match=r"is no folder; name the folder of the images"):
        read_plan(f"{photos}/*.png", per_image=str(table))


def test_expressions_given_twice_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("image,expression\na.png,the dog\n")
    with pytest.raises(ConfigurationError, match=r"already has a column of expressions"):
        read_plan(str(tmp_path / "t.csv"), PHRASES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.csv",
            b"file,expression\na,b\n",
            "no column of images, only file, expression; name one image or picture",
        ),
        ("t.csv", b"image,expression\na,b,c\n", "is not a CSV table that can be read"),
        ("t.csv", b"image,expression\n", "names no images"),
        ("t.csv", "image\nBär.png\n".encode("latin-1"), "CSV table .*texts in UTF-8"),
        ("t.csv", b"image,\xff\na,b\n", "CSV table .*texts in UTF-8"),
        ("t.csv", b"image,image\na,b\n", "several columns 'image'; keep one and rename"),
        ("t.parquet", b"PAR1 and nothing else PAR1", "cannot be read as a Parquet table"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_plan(str(tmp_path / name))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": [1, 2]}, "names of images in .* are int64"),
        ({"image": [["a"]]}, "names of images in .* are list"),
        ({"image": pyarrow.array([b"\xff"]).view(pyarrow.string())}, "as a Parquet table .*UTF8"),
        (
            {"image": ["a"], "phrase": pyarrow.array([b"\xff"]).view(pyarrow.string())},
            "as a Parquet table .*UTF8",
        ),
    ],
)
def test_columns_of_another_kind_are_refused(tmp_path, columns, message):
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=message):
        read_plan(str(tmp_path / "t.parquet"))


def test_a_table_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    columns = {"image": ["a" * 100] * 50_000}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 10_000
    monkeypatch.setenv("REFMASK_LIMITS", "file=1MB")
    with pytest.raises(InputError, match=r"rows of .* at most 1000000 are read"):
        read_plan(str(tmp_path / "t.parquet"))


def repeated(value, times):
    """A column that repeats one value very often, in a few bytes."""
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * times, pyarrow.int32()), [value])


@pytest.mark.parametrize(
    ("columns", "limits", "message"),
    [
        ({"image": repeated("a", 9000)}, "rows=8999", "t.parquet would take 9000 rows"),
        ({"image": ["a"], "phrases": [["b"] * 9000]}, "rows=8999", "would take 9000 rows"),
        ({"image": repeated("a" * 500, 9000)}, "file=1MB", "rows of .* at most 1000000 are"),
        (
            {"image": ["a"] * 3, "phrases": [["b" * 500] * 3000] * 3},
            "file=1MB",
            "rows of .* at most 1000000 are read",
        ),
        ({"image": ["a"] * 9, "phrase": list("abcdefghi")}, "phrases=8", "take 9 phrases"),
    ],
)
def test_the_size_of_a_table_is_bounded_before_it_is_unpacked(
    tmp_path, monkeypatch, columns, limits, message
):
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    monkeypatch.setenv("REFMASK_LIMITS", limits)
    with pytest.raises(InputError, match=message):
        read_plan(str(tmp_path / "t.parquet"), None if len(columns) > 1 else PHRASES)


def test_rows_of_a_csv_file_are_bounded(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("image,phrase\n" + "a,b\n" * 9)
    monkeypatch.setenv("REFMASK_LIMITS", "rows=8")
    with pytest.raises(InputError, match="would take 9 rows"):
        read_plan(str(tmp_path / "t.csv"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_csv_file_is_read_in_its_encoding(tmp_path, encoding):
    (tmp_path / "t.csv").write_text("image,phrase\n/é.png,the café\n", encoding=encoding)
    assert expressions_of(read_plan(str(tmp_path / "t.csv"))) == {"/é.png": ("the café",)}


def test_categories_are_read_as_texts(tmp_path):
    names = pyarrow.array(["/b.png", "./a.png", None, "/b.png", "a.png"]).dictionary_encode()
    phrases = pyarrow.array(["x", "y", "z", None, "x"]).dictionary_encode()
    table = pyarrow.table({"image": names, "phrase": phrases})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert expressions_of(read_plan(str(tmp_path / "t.parquet"))) == {
        "/b.png": ("x", ""),
        f"{tmp_path}/a.png": ("y", "x"),
        str(tmp_path): ("z",),
    }


def test_expressions_that_are_not_texts_are_refused(tmp_path):
    table = pyarrow.table({"image": ["a"], "expression": [{"x": 1}]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"expressions in .* are struct.* instead of texts"):
        read_plan(str(tmp_path / "t.parquet"))


@given(st.lists(st.integers(0, 9), min_size=1), st.integers(1, 12))
def test_shards_hold_all_images_in_order_and_few_rows(counts, rows):
    expressions = [[f"instance {k}" for k in range(count)] for count in counts]
    names = [f"/{number}.png" for number in range(len(counts))]
    kind = pyarrow.list_(pyarrow.string())
    plan = Plan(pyarrow.table({"image": names, "expressions": pyarrow.array(expressions, kind)}))
    shards = list(plan.shards(rows))
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert [
        (query.image, list(query.expressions)) for shard in shards for query in shard.queries
    ] == list(zip(names, expressions, strict=True))
    for shard in shards:
        assert (
            sum(len(query.expressions) for query in shard.queries) <= rows
            or len(shard.queries) == 1
        )
    assert [Shard.decode(shard.encode()) for shard in shards] == shards


def test_a_shard_is_sent_to_other_processes():
    shard = Shard(3, (Query("/a.png", None), Query("/b.png", ("the dog",))))
    assert Shard.decode(shard.encode()) == shard
    assert shard.name == "part-00000003.parquet"


def test_different_plans_have_different_fingerprints():
    def plan(names, expressions):
        return Plan(pyarrow.table({"image": names, "expressions": expressions})).fingerprint()

    one = plan(["a", "b"], [["x"], ["y"]])
    assert one == plan(["a", "b"], [["x"], ["y"]])
    others = [plan(["b", "a"], [["x"], ["y"]]), plan(["a", "b"], [["x"], ["z"]])]
    images = pyarrow.table({"image": ["a", "b"]})
    others += [Plan(images, tuple(PHRASES[:n])).fingerprint() for n in (1, 2)]
    assert len({one, *others}) == 5
