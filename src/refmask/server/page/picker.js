// An image by file, drop, paste or camera is sent as a file; an example is told by its number.
const camera = element.querySelector(".rm-camera");
const video = camera.querySelector("video");

const offered = props.examples.map(({ src, phrase }, index) => {
  const image = made("img", { src, alt: "", width: 120, height: 120 });
  const button = made("button", { type: "button" }, image, made("span", { textContent: phrase }));
  button.dataset.example = index;
  return made("li", {}, button);
});
element.querySelector(".rm-examples").replaceChildren(...offered);

async function send(file) {
  if (!file) return;
  if (file.size > props.limit) {
    const most = Math.floor(props.limit / 1e6);
    tell(`Expected a file of up to ${most} MB, got ${Math.ceil(file.size / 1e6)} MB; make it smaller first.`);
    return;
  }
  element.classList.add("rm-busy");
  try {
    const { path } = await upload(file);
    trigger("upload", { path, name: file.name || "image.png" });
  } catch {
    tell("Expected to send the image, but nobody took it; see whether refmask still runs.");
  } finally {
    element.classList.remove("rm-busy");
  }
}

function tell(text) {
  trigger("refused", { text });
}

async function open() {
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
    camera.hidden = false;
    camera.querySelector("button").focus();
  } catch {
    tell("Expected a camera that this page may use, got none; choose a file instead.");
  }
}

function close() {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  camera.hidden = true;
}

function shoot() {
  const still = document.createElement("canvas");
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext("2d").drawImage(video, 0, 0);
  close();
  still.toBlob((blob) => send(new File([blob], "camera.png", { type: "image/png" })));
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.example) trigger("select", { index: Number(button.dataset.example) });
  else ({ open, shoot, close })[button.dataset.do]?.();
});
element.addEventListener("change", (event) => {
  send(event.target.files?.[0]);
  event.target.value = ""; // the same file may be chosen again
});

// Images may be dropped and pasted anywhere on the page.
document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("rm-over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("rm-over");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("rm-over");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  send(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length) return;
  event.preventDefault();
  send(event.clipboardData.files[0]);
});
