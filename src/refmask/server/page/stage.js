// The image with its regions: the answer's things, the runner-up or what is most alike, the
// landmark whose words are pointed at, and the pointed-at region.
const ANSWER = "rgb(255, 45, 120)", RUNNER_UP = "rgb(0, 170, 255)", RIM = "rgb(255, 255, 255)";
const LANDMARK = "rgb(230, 159, 0)", INK = "rgb(20, 20, 30)";
const VEIL = [12, 14, 24, 0.6], OTHER = [0, 170, 255, 0.25], POINTED = [255, 255, 255, 0.35];
const NEARBY = [230, 159, 0, 0.3];

const frame = element.querySelector(".rm-image");
const photo = frame.querySelector("img");
const canvas = frame.querySelector("canvas");
const finder = frame.querySelector(".rm-finder");
const readout = element.querySelector(".rm-readout");
const all = element.querySelector("[name=all]");
const other = element.querySelector("[name=other]");
const brush = canvas.getContext("2d");
const help = readout.textContent;

let image = null, answer = null;
let regions = []; // each with columns, outline, share
let sheets = new Map(); // cached tints by name
let hovering = false; // the pointer is over the image
let spot = null; // the smallest region under it
let pointed = null, pinned = null; // the pointed-at region; the clicked region
let landmarks = []; // regions of the landmark whose words are pointed at

function setImage(shown) {
  const { width, height } = shown;
  if (image?.src !== shown.src) photo.src = shown.src;
  photo.alt = `${shown.name}, ${width} by ${height} pixels`;
  frame.style.aspectRatio = `${width} / ${height}`;
  frame.style.setProperty("--ratio", width / height);
  image = shown;
  regions = shown.regions.map((counts, index) => {
    const columns = columnsOf(counts, width, height);
    return { columns, outline: outlineOf(columns), share: shown.shares[index] };
  });
  // The focused element of the picker is hidden now: focus the image, not the start of the page.
  if (document.activeElement === document.body) finder.focus({ preventScroll: true });
  setAnswer(null);
}

function setAnswer(value) {
  answer = value;
  frame.classList.toggle("rm-unsure", value?.unsure ?? false);
  sheets.clear();
  spot = pointed = pinned = null;
  landmarks = [];
  other.disabled = (value?.other ?? null) === null;
  other.nextElementSibling.textContent = value?.other_name ?? "Runner-up";
  finder.setAttribute("aria-valuemax", regions.length);
  update();
}

// Regions from best to worst; without an answer from largest to smallest.
function order() {
  if (answer) return answer.order;
  return [...regions.keys()].sort((a, b) => regions[b].share - regions[a].share);
}

function described(index) {
  const rank = `Region ${order().indexOf(index) + 1} of ${regions.length}`;
  const share = `${percent(regions[index].share)} of the image`;
  if (!answer) return `${rank}, ${share}. Ask for a phrase to see its score here.`;
  const several = answer.chosen.length > 1 ? ", one of the answer’s things" : ", the answer";
  const role = answer.chosen.includes(index) ? several
    : index === answer.other ? `, the ${answer.other_name.toLowerCase()}` : "";
  const score = `${answer.measure} ${answer.standing[index].toFixed(2)}`;
  const likely = answer.probabilities ? `, probability ${percent(answer.probabilities[index])}` : "";
  return `${rank} for “${answer.phrase}”${role}: ${score}${likely}; ${share}.`;
}

function percent(share) {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

function update() {
  const index = pointed ?? pinned;
  readout.textContent = index === null ? help : described(index);
  finder.setAttribute("aria-valuenow", pinned === null ? 0 : order().indexOf(pinned) + 1);
  finder.setAttribute("aria-valuetext", pinned === null ? "none" : described(pinned));
  requestAnimationFrame(draw);
}

function sheet(name, indices, colour, around) {
  if (!sheets.has(name)) sheets.set(name, tint(indices, colour, around));
  return sheets.get(name);
}

function tint(indices, colour, around) {
  const masks = indices.map((index) => regions[index].columns);
  return tintOf(masks, image.width, image.height, colour, around);
}

// All outlines on one sheet, so that overlapping ones are not stronger.
function allOutlines(point) {
  const name = `all ${canvas.width}`;
  if (!sheets.has(name)) {
    const drawn = new OffscreenCanvas(canvas.width, canvas.height);
    const pen = drawn.getContext("2d");
    pen.scale(canvas.width / image.width, canvas.height / image.height);
    pen.lineWidth = point;
    pen.strokeStyle = RIM;
    for (const { outline } of regions) pen.stroke(outline);
    sheets.set(name, drawn);
  }
  return sheets.get(name);
}

function draw() {
  const density = window.devicePixelRatio;
  canvas.width = Math.round(frame.clientWidth * density);
  canvas.height = Math.round(frame.clientHeight * density);
  if (!image || !canvas.width) return;
  brush.imageSmoothingEnabled = false; // a mask's pixels have edges
  brush.scale(canvas.width / image.width, canvas.height / image.height);
  const point = (density * image.width) / canvas.width; // one screen point in image pixels
  const stroke = (index, colour, width, dash = []) => {
    brush.setLineDash(dash.map((length) => length * point));
    brush.lineWidth = width * point;
    brush.strokeStyle = colour;
    brush.stroke(regions[index].outline);
  };
  const things = answer?.chosen ?? [], second = other.checked ? answer?.other ?? null : null;
  if (things.length) brush.drawImage(sheet("veil", things, VEIL, true), 0, 0);
  if (all.checked || hovering) {
    brush.globalAlpha = 0.6;
    brush.drawImage(allOutlines(point), 0, 0, image.width, image.height);
    brush.globalAlpha = 1;
  }
  if (second !== null) {
    brush.drawImage(sheet("second", [second], OTHER), 0, 0);
    stroke(second, RIM, 5, [8, 6]);
    stroke(second, RUNNER_UP, 3, [8, 6]);
  }
  for (const thing of things) {
    stroke(thing, RIM, 5);
    stroke(thing, ANSWER, 3);
  }
  for (const landmark of landmarks.filter((index) => index < regions.length)) {
    brush.drawImage(tint([landmark], NEARBY), 0, 0);
    stroke(landmark, INK, 6);
    stroke(landmark, LANDMARK, 4, [3, 5]);
  }
  const chosen = pointed ?? pinned;
  if (chosen !== null) {
    brush.drawImage(tint([chosen], POINTED), 0, 0);
    stroke(chosen, INK, 4);
    stroke(chosen, RIM, 2);
  }
}

// Regions under the pointer, the smallest first.
function under(event) {
  const box = frame.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * image.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * image.height);
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return [];
  const hits = [...regions.keys()].filter((index) => covers(regions[index].columns, x, y));
  return hits.sort((a, b) => regions[a].share - regions[b].share);
}

finder.addEventListener("pointermove", (event) => {
  if (event.pointerType !== "mouse" || !image) return;
  const smallest = under(event)[0] ?? null;
  if (hovering && smallest === spot) return;
  hovering = true;
  spot = pointed = smallest;
  update();
});
finder.addEventListener("pointerleave", () => {
  hovering = false;
  spot = pointed = null;
  update();
});
finder.addEventListener("click", (event) => {
  if (!image) return;
  const hits = under(event); // a further click selects the next larger region
  pinned = hits[hits.indexOf(pinned) + 1] ?? null;
  pointed = null;
  update();
});
finder.addEventListener("keydown", (event) => {
  const ranks = order(), last = ranks.length - 1;
  const at = pinned === null ? -1 : ranks.indexOf(pinned);
  const next = {
    ArrowRight: Math.min(at + 1, last), ArrowDown: Math.min(at + 1, last),
    ArrowLeft: Math.max(at - 1, 0), ArrowUp: Math.max(at - 1, 0),
    Home: 0, End: last, Escape: -1,
  }[event.key];
  if (next === undefined || last < 0) return;
  event.preventDefault();
  pinned = ranks[next] ?? null;
  update();
});
element.addEventListener("change", () => requestAnimationFrame(draw));
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-do=clear]")) trigger("clear");
});
document.addEventListener("rm-landmark", ({ detail }) => {
  landmarks = detail;
  requestAnimationFrame(draw);
});
new ResizeObserver(() => requestAnimationFrame(draw)).observe(frame);

watch("image", () => props.image && setImage(props.image));
watch("answer", () => setAnswer(props.answer ?? null));
