// Images from a file, drop, paste or the camera are uploaded; an example is sent by its index.
const camera = element.querySelector(".rm-camera");
const video = camera.querySelector("video");

const examples = props.examples.map(({ src, phrase }, index) => {
  const image = create("img", { src, alt: "", width: 120, height: 120 });
  const button = create("button", { type: "button" }, image, create("span", { textContent: phrase }));
  button.dataset.example = index;
  return create("li", {}, button);
});
element.querySelector(".rm-examples").replaceChildren(...examples);

async function send(file) {
  if (!file) return;
  if (file.size > props.limit) {
    const most = Math.floor(props.limit / 1e6);
    refuse(`The file has ${Math.ceil(file.size / 1e6)} MB; make it smaller, up to ${most} MB.`);
    return;
  }
  element.classList.add("rm-busy");
  try {
    const { path } = await upload(file);
    trigger("upload", { path, name: file.name || "image.png" });
  } catch {
    refuse("The upload failed; check that refmask is still running.");
  } finally {
    element.classList.remove("rm-busy");
  }
}

function refuse(text) {
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
    refuse("No camera is available to this page; choose a file instead.");
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
  event.target.value = ""; // allows choosing the same file again
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
