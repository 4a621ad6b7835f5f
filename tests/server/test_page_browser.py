"""The page in Chromium, driven by Playwright."""

import dataclasses
import gc
import io
import json
import os
import re
import shutil
import socket
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refmask
from refmask.data.scenes import read_scenes
from refmask.factory import assemble
from refmask.proposals.given import GivenMasks
from refmask.provenance import EMBEDDED, OFFLINE
from refmask.server.blending import blended
from refmask.server.limits import Limits
from refmask.server.page.sessions import SessionStore
from refmask.settings import choose

pytest.importorskip("gradio", reason="the page needs Gradio: the extra app")
playwright = pytest.importorskip(
    "playwright.sync_api", reason="steering a browser needs Playwright: the extra dev"
)
BROWSERS = ("chromium", "chromium-browser", "chrome", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here"),
    # Gradio leaves sockets and event loops to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("tidied"),
]

#: Where to leave images of the page, for the docs.
SCREENSHOTS = os.environ.get("REFMASK_SCREENSHOTS")
NOTE = f"Model: {choose('embedded').line}"
#: In the browser's messages about anything that the policy blocks.
BLOCKED = "Content Security Policy"
PHRASE, SECOND = "the fish on the striped green puddle", "the flower"


@pytest.fixture(scope="module")
def shapes():
    """The shapes of the encoded images."""
    return []


@pytest.fixture(scope="module")
def segmenter(shapes):
    made = refmask.load("embedded")
    made.parser(["warm up"])  # as the command does
    inner = made.proposer

    class Counting:
        def propose(self, image):
            shapes.append(image.shape)
            return inner.propose(image)

    object.__setattr__(made, "proposer", Counting())
    return made


@pytest.fixture(scope="module")
def scene(segmenter):
    return segmenter.look(next(iter(read_scenes(split="val"))).image)


@pytest.fixture(scope="module")
def street(tmp_path_factory, scene):
    path = tmp_path_factory.mktemp("images") / "street.png"
    Image.fromarray(scene.image).save(path)
    return path


@contextmanager
def served(store, limits=Limits(), note=NOTE, model=EMBEDDED):  # noqa: B008  it is frozen
    """The page's address."""
    # pytest rewrites it on import, which Python 3.11 cannot do in two threads at once.
    import anyio._backends._asyncio  # noqa: F401

    from refmask.server.page.serving import open_page

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = open_page(store, limits, model, host="127.0.0.1", port=port, note=note)
    yield f"http://127.0.0.1:{port}/"
    page.close(verbose=False)
    gc.collect()  # collects what Gradio leaves before other tests run


@pytest.fixture(scope="module")
def address(segmenter):
    store = Future()
    store.set_result(SessionStore(segmenter, Limits()))
    with served(store) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *camera])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, address, request):
    """The page in a new tab; requests to other hosts and failing scripts fail the test."""
    options = getattr(request, "param", {"viewport": {"width": 1280, "height": 860}})
    context = chromium.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    requested, failed = [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda m: failed.append(m.text) if BLOCKED in m.text else None)
    page.goto(address)
    page.get_by_text("ready.").wait_for()
    yield page
    context.close()
    assert failed == []
    assert [url for url in requested if not url.startswith((address, "data:", "blob:"))] == []


def image_taken(page, name):
    if SCREENSHOTS:
        page.wait_for_timeout(300)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        shot.quantize(256, kmeans=2).save(Path(SCREENSHOTS) / f"{name}.png", optimize=True)


def upload(page, path):
    page.get_by_label("Choose an image").set_input_files(path)
    page.get_by_text(re.compile(r"\d+ regions in")).wait_for()


def ask(page, phrase):
    page.get_by_label("What to find").fill(phrase)
    page.get_by_label("What to find").press("Enter")
    page.locator(".rm-phrase", has_text=phrase).wait_for()


def inside(mask):
    """A place well within a mask: x and y."""
    from scipy.ndimage import distance_transform_edt

    y, x = np.unravel_index(distance_transform_edt(mask).argmax(), mask.shape)
    return int(x), int(y)


def at(page, x, y, shape):
    """Where an image's pixel is in the browser's window."""
    box = page.locator(".rm-finder").bounding_box()
    return (
        box["x"] + (x + 0.5) * box["width"] / shape[1],
        box["y"] + (y + 0.5) * box["height"] / shape[0],
    )


def drawn_over(page, x, y, shape):
    """Red, green, blue and alpha of what is drawn over an image's pixel."""
    page.mouse.move(5, 5)
    page.wait_for_timeout(100)
    return pixel(page, x, y, shape)


def pixel(page, x, y, shape):
    """The same, with the pointer where it is."""
    return page.evaluate(
        """([x, y, width, height]) => {
            const canvas = document.querySelector(".rm-image canvas");
            const place = [(x + 0.5) * canvas.width / width, (y + 0.5) * canvas.height / height];
            return [...canvas.getContext("2d").getImageData(...place, 1, 1).data];
        }""",
        [x, y, shape[1], shape[0]],
    )


def test_an_image_two_phrases_a_slider_and_the_files(opened, street, scene, shapes, tmp_path):
    before = len(shapes)
    upload(opened, street)
    assert len(shapes) == before + 1
    ask(opened, PHRASE)
    answer = scene.find(PHRASE)
    marked = opened.locator(".rm-phrase mark").all_inner_texts()
    assert marked == ["fish", "on the", "striped", "green", "puddle"]
    assert f"{answer.confidence:.0%} confidence" in opened.locator(".rm-verdict").inner_text()
    assert re.search(r"answered in \d+ ms", opened.locator(".rm-caption").inner_text())
    shape = answer.mask.shape
    assert drawn_over(opened, *inside(answer.mask), shape)[3] == 0  # the answer is left clear
    assert drawn_over(opened, *inside(~answer.mask), shape)[3] > 100  # the rest is veiled
    label = opened.locator(".rm-label").inner_text()
    assert label == answer.provenance.label == "emoji model: knows emoji scenes only"

    ask(opened, SECOND)
    second = scene.find(SECOND)
    assert second.best != answer.best
    assert drawn_over(opened, *inside(second.mask), shape)[3] == 0
    opened.get_by_role("button", name=PHRASE).click()  # back to the first
    opened.locator(".rm-phrase", has_text=PHRASE).wait_for()

    opened.get_by_role("slider", name=re.compile("alpha")).first.press("Home")
    opened.get_by_text("alpha 0.00").wait_for()
    assert len(shapes) == before + 1

    opened.get_by_text("alpha 0.00").wait_for()
    local = blended(scene, alpha=0.0).find(PHRASE)
    with opened.expect_download() as saved:
        opened.get_by_role("link", name="Download mask").click()
    assert saved.value.suggested_filename.startswith("street-01-the-fish-on-the")
    saved.value.save_as(tmp_path / "mask.png")
    assert np.array_equal(np.array(Image.open(tmp_path / "mask.png")) > 0, local.mask)
    with opened.expect_download() as saved:
        opened.get_by_role("link", name="Download JSON").click()
    saved.value.save_as(tmp_path / "record.json")
    told = json.loads((tmp_path / "record.json").read_text())
    assert (told["image"], told["expression"]) == ("street.png", PHRASE)
    assert told["answer"]["proposal"] == local.best


def test_an_unsure_answer_has_an_amber_frame(opened, street, scene):
    upload(opened, street)
    unsure = "the fish that is not swimming"
    assert [scene.find(phrase).unsure for phrase in (unsure, PHRASE)] == [True, False]
    for phrase, frames in ((unsure, 2), (PHRASE, 0)):
        ask(opened, phrase)
        playwright.expect(opened.locator(".rm-unsure")).to_have_count(frames)
    ask(opened, unsure)
    colours = opened.evaluate(
        """() => [".rm-image", ".rm-caption"].map((name) => {
            const style = getComputedStyle(document.querySelector(name));
            return `${style.outlineStyle} ${style.outlineColor}`;
        })"""
    )
    assert colours == ["solid rgb(208, 135, 0)"] * 2


def test_one_region_gets_no_percentage(opened, tmp_path):
    Image.new("RGB", (80, 60), "grey").save(tmp_path / "blank.png")
    upload(opened, tmp_path / "blank.png")
    ask(opened, PHRASE)
    playwright.expect(opened.locator(".rm-verdict")).to_have_text("Not found: blank image")
    playwright.expect(opened.locator(".rm-caption meter")).to_be_hidden()
    assert "%" not in opened.locator(".rm-caption").inner_text()
    opened.locator(".rm-finder").press("Home")
    readout = opened.locator(".rm-readout")
    playwright.expect(readout).to_contain_text("the most alike: score")
    assert "probability" not in readout.inner_text()


RELATED = "the fish above the mushroom"


def test_the_card_says_why(opened, street, scene):
    upload(opened, street)
    ask(opened, RELATED)
    answer = scene.find(RELATED)
    marks = opened.locator(".rm-phrase mark")
    roles = [mark.get_attribute("data-role") for mark in marks.all()]
    assert list(zip(marks.all_inner_texts(), roles, strict=True)) == [
        ("fish", "target"),
        ("above", "relation"),
        ("mushroom", "landmark"),
    ]
    assert marks.nth(1).get_attribute("title") == "relation: above"
    assert opened.locator(".rm-sentence").inner_text() == "It is above 'mushroom'"
    rows = [row.inner_text().split() for row in opened.locator(".rm-terms li").all()]
    leads = answer.why.leads(answer.best)
    assert rows == [
        ["similarity", f"\N{MINUS SIGN}{-leads['similarity']:.2f}"],
        ["relation", f"+{leads['relation']:.2f}", "decides"],
    ]
    against, ahead = (bar.bounding_box() for bar in opened.locator(".rm-bar i").all())
    assert against["width"] < ahead["width"]
    assert against["x"] + against["width"] == pytest.approx(ahead["x"], abs=1)  # to both sides
    opened.get_by_text("What the marks mean").click()
    playwright.expect(opened.get_by_text("how it stands to a landmark")).to_be_visible()


def test_a_landmark_is_outlined_while_its_words_are_pointed_at(opened, street, scene):
    upload(opened, street)
    ask(opened, RELATED)
    ((landmark,),) = scene.find(RELATED).why.landmarks.values()
    masks = scene.proposals.masks
    x, y = inside(masks[landmark])
    word = opened.locator(".rm-phrase mark", has_text="mushroom")
    for begin, end in (
        (word.hover, lambda: opened.mouse.move(5, 5)),
        (word.focus, lambda: word.evaluate("mark => mark.blur()")),
    ):
        end()
        plain = pixel(opened, x, y, masks.shape[1:])
        begin()
        opened.wait_for_timeout(100)
        assert pixel(opened, x, y, masks.shape[1:]) != plain
        end()
        opened.wait_for_timeout(100)
        assert pixel(opened, x, y, masks.shape[1:]) == plain


def test_terms_are_switched_without_encoding_the_image_again(opened, street, scene, shapes):
    upload(opened, street)
    ask(opened, RELATED)
    before, shape = len(shapes), scene.proposals.size
    upper, lower = scene.find("fish on the right"), scene.find("the fish at the bottom")
    assert scene.find(RELATED).best == upper.best != lower.best
    for change, clear, veiled in (
        (opened.get_by_label("relation").uncheck, lower, upper),
        (opened.get_by_label("relation").check, upper, lower),
    ):
        change()
        opened.wait_for_timeout(1_000)
        assert drawn_over(opened, *inside(clear.mask), shape)[3] == 0
        assert drawn_over(opened, *inside(veiled.mask), shape)[3] > 100
    assert len(shapes) == before


def test_several_things_are_outlined_and_counted(opened, street, scene):
    upload(opened, street)
    ask(opened, "both fish")
    verdict = opened.locator(".rm-verdict")
    assert verdict.inner_text().startswith("2 things. ")
    answer = scene.find("both fish")
    for thing in answer.instances:
        assert drawn_over(opened, *inside(thing.mask), answer.mask.shape)[3] == 0
    assert drawn_over(opened, *inside(~answer.mask), answer.mask.shape)[3] > 100
    opened.get_by_label("always one").check()
    playwright.expect(verdict).to_contain_text("it asks for several things, and one is given")
    ask(opened, "the fish")
    opened.get_by_label("all that fit").check()
    playwright.expect(verdict).to_contain_text("2 things. ")


def test_what_is_not_found_is_not_marked(opened, street, scene):
    upload(opened, street)
    ask(opened, "the zebra")
    playwright.expect(opened.locator(".rm-verdict")).to_have_text(
        "Not found: nothing here looks like 'zebra'"
    )
    playwright.expect(opened.locator(".rm-unsure")).to_have_count(2)
    answer = scene.find("the zebra")
    nearest = inside(scene.proposals.masks[answer.order[0]])
    assert drawn_over(opened, *nearest, scene.proposals.size)[3] == 0
    opened.get_by_label("Most alike").check()
    assert drawn_over(opened, *nearest, scene.proposals.size)[3] > 0
    opened.locator(".rm-finder").press("Home")
    playwright.expect(opened.locator(".rm-readout")).to_contain_text("the most alike: score")


def test_pointing_and_clicking_say_how_the_phrase_scores_there(opened, street, scene):
    upload(opened, street)
    readout = opened.locator(".rm-readout")
    x, y = inside(scene.find(PHRASE).mask)
    masks = scene.proposals.masks
    hits = [i for i in range(len(masks)) if masks[i, y, x]]
    smallest = min(hits, key=lambda index: masks[index].sum())
    point = at(opened, x, y, masks.shape[1:])

    opened.mouse.move(*point)
    playwright.expect(readout).to_contain_text("Ask for a phrase to see its score here")
    ask(opened, PHRASE)
    answer = scene.find(PHRASE)
    opened.mouse.move(5, 5)
    opened.mouse.move(*point)
    playwright.expect(readout).to_contain_text(f"score {answer.scores[smallest]:.2f}")
    playwright.expect(readout).to_contain_text(PHRASE)
    opened.mouse.click(*point)
    opened.mouse.move(5, 5)
    playwright.expect(readout).to_contain_text(f"score {answer.scores[smallest]:.2f}")

    runner_up = inside(masks[answer.why.runner_up] & ~answer.mask)
    veiled = drawn_over(opened, *runner_up, masks.shape[1:])
    opened.get_by_role("checkbox", name="Runner-up").check()
    assert drawn_over(opened, *runner_up, masks.shape[1:]) != veiled


def test_errors_are_in_plain_words(opened, street, tmp_path):
    status = opened.locator(".rm-status.wrong")
    opened.get_by_label("What to find").fill("a cat")
    opened.get_by_label("What to find").press("Enter")
    playwright.expect(status).to_contain_text("There is no image yet")
    notes = tmp_path / "notes.png"
    notes.write_text("no image")
    opened.get_by_label("Choose an image").set_input_files(notes)
    playwright.expect(status).to_contain_text("notes.png is no image that refmask can read")
    assert str(tmp_path) not in status.inner_text()
    large = tmp_path / "large.png"
    Image.new("1", (5000, 4000)).save(large)
    opened.get_by_label("Choose an image").set_input_files(large)
    playwright.expect(status).to_contain_text("make it smaller, up to 16 megapixels")
    upload(opened, street)
    opened.locator(".rm-phrase", has_text="a cat").wait_for()  # it waited for the image
    opened.get_by_label("What to find").fill("  ")
    opened.get_by_label("What to find").press("Enter")
    playwright.expect(status).to_contain_text("Expected an expression, got an empty one")
    assert "Traceback" not in opened.content()
    assert opened.locator(".toast-body").count() == 0


def test_an_image_is_dropped_pasted_and_taken(opened, street):
    bits = street.read_bytes().hex()
    for kind, holder in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        opened.evaluate(
            """([kind, holder, bits]) => {
                const bytes = Uint8Array.from(bits.match(/../g), (pair) => parseInt(pair, 16));
                const data = new DataTransfer();
                data.items.add(new File([bytes], `${kind}.png`, { type: "image/png" }));
                const made = kind === "drop" ? DragEvent : ClipboardEvent;
                document.body.dispatchEvent(
                    new made(kind, { [holder]: data, bubbles: true, cancelable: true }));
            }""",
            [kind, holder, bits],
        )
        opened.get_by_text(re.compile(rf"{kind}.png: \d+ regions in")).wait_for()
    opened.get_by_role("button", name="Another image").click()
    opened.locator(".rm-image img").wait_for(state="hidden")
    opened.get_by_role("button", name="Use the camera").click()
    opened.wait_for_function("document.querySelector('video').videoWidth > 0")
    opened.get_by_role("button", name="Take the image").click()
    opened.get_by_text(re.compile(r"camera.png: \d+ regions in")).wait_for()


DESK = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.mark.parametrize("opened", [PHONE], indirect=True)
def test_a_phone_shows_everything_without_scrolling_sideways(opened, street):
    def sideways():
        return opened.evaluate("document.documentElement.scrollWidth - window.innerWidth")

    assert sideways() <= 0
    upload(opened, street)
    ask(opened, PHRASE)
    opened.get_by_role("link", name="Download mask").wait_for()
    assert sideways() <= 0
    box = opened.locator(".rm-image").bounding_box()
    assert box["width"] > 300
    opened.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    playwright.expect(opened.locator(".rm-readout")).to_contain_text("score")


def test_the_keyboard_is_enough(opened):
    def focused(selector):
        return opened.evaluate(f"document.activeElement.matches({json.dumps(selector)})")

    def tab_to(selector):
        for _ in range(40):
            opened.keyboard.press("Tab")
            if focused(selector):
                return
        raise AssertionError(f"{selector} is not reached by the Tab key")

    tab_to("input[type=file]")
    tab_to(".rm-examples button")
    outline = opened.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    opened.keyboard.press("Enter")
    opened.locator(".rm-caption").wait_for()  # an example asks its own phrase
    assert focused(".rm-finder")
    finder = opened.locator(".rm-finder")
    opened.keyboard.press("ArrowRight")
    playwright.expect(finder).to_have_attribute("aria-valuetext", re.compile("the answer"))
    opened.keyboard.press("ArrowRight")
    playwright.expect(finder).to_have_attribute("aria-valuenow", "2")
    opened.keyboard.press("Escape")
    playwright.expect(finder).to_have_attribute("aria-valuetext", "none")
    tab_to("textarea, input[type=text]")
    opened.keyboard.press("ControlOrMeta+A")
    opened.keyboard.type("the mushroom")
    opened.keyboard.press("Enter")
    opened.locator(".rm-phrase", has_text="the mushroom").wait_for()
    opened.get_by_role("button", name="Another image").press("Enter")
    opened.get_by_text("Drop an image here").wait_for()


def test_the_page_is_there_before_the_model(chromium, segmenter, street, tmp_path):
    store = Future()
    limits = Limits(body=1_000_000)
    with served(store, limits) as address, chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(address)
        page.get_by_text("The model is loading; you can choose an image already.").wait_for()
        page.get_by_label("What to find").fill(SECOND)
        page.get_by_label("Choose an image").set_input_files(street)
        page.get_by_text("The model is loading; the image is next.").wait_for()
        store.set_result(SessionStore(segmenter, Limits()))
        page.locator(".rm-phrase", has_text=SECOND).wait_for()
        page.get_by_text("Model: emoji model, ready.").wait_for()
        large = tmp_path / "large.png"
        large.write_bytes(bytes(1_500_000))
        page.get_by_label("Choose an image").set_input_files(large)
        page.get_by_text("The file has 2 MB; make it smaller, up to 1 MB.").wait_for()


#: Each would run, or break its surroundings, as part of a template or of HTML.
SCRIPTS = [
    "${ran = 1}",
    "${",
    "`+(ran = 1)+`",
    "{{value}} {{#if}}",
    "<img src=x onerror=ran=1>",
    "\\u0024{ran = 1}",
    "</p></script><script>ran=1<!--",
]


@pytest.fixture
def nothing_runs(opened):
    yield
    assert opened.evaluate("window.ran") is None


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.filterwarnings("ignore:expected at most 32 tokens")
def test_phrases_are_text(opened, street):
    upload(opened, street)
    for number, script in enumerate(SCRIPTS, 1):
        phrase = f"the {script} thing {number}"
        opened.get_by_label("What to find").fill(phrase)
        opened.get_by_label("What to find").press("Enter")
        playwright.expect(opened.locator(".rm-phrase")).to_have_text(phrase)
        opened.locator(".rm-finder").press("Home")
        playwright.expect(opened.locator(".rm-readout")).to_contain_text(f"“{phrase}”")
    phrases = opened.locator(".rm-row[role=group] button").all_inner_texts()
    assert phrases == [f"the {script} thing {n}" for n, script in enumerate(SCRIPTS, 1)][::-1]
    opened.get_by_role("button", name=phrases[-1]).click()
    playwright.expect(opened.locator(".rm-phrase")).to_have_text(phrases[-1])
    opened.get_by_label("What to find").fill(f"{SCRIPTS[0]} " * 200)
    opened.get_by_label("What to find").press("Enter")
    playwright.expect(opened.locator(".rm-status.wrong")).to_contain_text("at most 2000 characters")


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("script", [script for script in SCRIPTS if "/" not in script])
def test_names_of_images_are_text(opened, tmp_path, script):
    Image.new("RGB", (80, 60), "grey").save(tmp_path / f"{script}.png")
    opened.get_by_label("Choose an image").set_input_files(tmp_path / f"{script}.png")
    opened.get_by_text(f"{script}.png: 1 regions in").wait_for()
    image = opened.locator(".rm-image img")
    assert image.get_attribute("alt") == f"{script}.png, 80 by 60 pixels"
    ask(opened, PHRASE)
    link = opened.get_by_role("link", name="Download JSON")
    playwright.expect(link).to_have_attribute("download", re.compile(rf"^{re.escape(script)}-"))
    opened.get_by_role("button", name="Another image").click()
    opened.locator(".rm-image img").wait_for(state="hidden")
    (tmp_path / f"{script}.png").write_text("no image")
    opened.get_by_label("Choose an image").set_input_files(tmp_path / f"{script}.png")
    playwright.expect(opened.locator(".rm-status.wrong")).to_contain_text(
        f"{script}.png is no image"
    )


@pytest.fixture
def imported(segmenter, tmp_path):
    """A page about masks that were imported, with scripts as names wherever names can be given."""
    script = SCRIPTS[0]
    runs = {"size": [60, 80], "counts": [1200, 1200, 2400]}
    content = {
        "images": [{"id": 1, "file_name": f"{script}.png", "height": 60, "width": 80}],
        "categories": [{"id": 1, "name": script, "supercategory": script}],
        "annotations": [{"image_id": 1, "segmentation": runs, "category_id": 1}],
    }
    path = tmp_path / f"{script}.json"
    path.write_text(json.dumps(content))
    proposer = GivenMasks(path)
    encoder = dataclasses.replace(segmenter.method.encoder, name=f"clip-{script}")
    store = Future()
    made = assemble(encoder, proposer, method="cropping", parser=segmenter.parser)
    store.set_result(SessionStore(made, Limits()))
    with served(store, note=f"Model: {script}") as address:
        yield address, script


def test_names_that_come_with_models_and_masks_are_text(chromium, imported, tmp_path):
    address, script = imported
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(address)
        page.get_by_text(f"Model: clip-{script}, ready.").wait_for()
        assert page.locator(".rm-model").inner_text() == f"Model: {script}"
        Image.new("RGB", (80, 60), "grey").save(tmp_path / "right.png")
        upload(page, tmp_path / "right.png")
        ask(page, script)
        playwright.expect(page.locator(".rm-foot")).to_contain_text(f"model clip-{script}")
        Image.new("RGB", (70, 60), "grey").save(tmp_path / "wrong.png")
        page.get_by_label("Choose an image").set_input_files(tmp_path / "wrong.png")
        playwright.expect(page.locator(".rm-status.wrong")).to_contain_text(f"{script}.json")
        assert page.evaluate("window.ran") is None


def test_the_policy_runs_nothing_that_is_written_into_the_page(chromium, address):
    blocked = []
    page = chromium.new_page()
    page.goto(address)
    page.get_by_text("ready.").wait_for()
    page.on("console", lambda message: blocked.append(message.text))
    page.evaluate(
        """() => {
            const script = Object.assign(document.createElement("script"), {
                textContent: "window.ran = 1" });
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x: onerror='window.ran = 1'>");
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    page.close()
    assert sum(BLOCKED in text for text in blocked) >= 2


def test_the_preview_answers_its_examples_and_says_what_it_is(chromium):
    """What the docs show: the page as ``refmask app`` opens it on a fresh machine."""
    store = Future()
    store.set_result(SessionStore(refmask.factory.load_shipped(OFFLINE), Limits()))
    note = f"Model: {choose().line}"
    with served(store, note=note, model=OFFLINE) as address:
        for name, options in (("page", DESK), ("page-phone", PHONE)):
            with chromium.new_context(**options) as context:
                page = context.new_page()
                page.goto(address)
                page.get_by_text("ready.").wait_for()
                playwright.expect(page.locator(".rm-note").first).to_contain_text("preview")
                image_taken(page, f"{name}-start")
                page.get_by_role("button", name="the flag").click()
                page.locator(".rm-caption").wait_for(timeout=60_000)
                playwright.expect(page.locator(".rm-label")).to_contain_text("offline preview")
                playwright.expect(page.locator(".rm-caption")).to_contain_text("% confidence")
                playwright.expect(page.locator(".rm-caption")).to_contain_text("(expected IoU)")
                page.get_by_role("link", name="Download mask").wait_for()
                image_taken(page, "page-answer" if name == "page" else name)
                finder = page.locator(".rm-finder")
                finder.focus()
                page.keyboard.press("ArrowRight")
                page.keyboard.press("ArrowRight")
                playwright.expect(finder).to_have_attribute(
                    "aria-valuetext", re.compile("expected IoU 0"), timeout=20_000
                )
                if name == "page":
                    page.get_by_label("All regions").check()
                    image_taken(page, "page-regions")
