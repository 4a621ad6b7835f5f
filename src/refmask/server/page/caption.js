const terms = element.querySelector(".rm-terms");

// A part of the phrase, marked with what it was read as. A landmark's words outline its regions.
function marked({ text, role, says, regions }) {
  if (!role) return document.createTextNode(text);
  const mark = create("mark", { textContent: text, title: says });
  mark.dataset.role = role;
  if (regions.length) {
    Object.assign(mark, { tabIndex: 0, role: "button", ariaDescription: says });
    const show = (outlined) => () =>
      document.dispatchEvent(new CustomEvent("rm-landmark", { detail: outlined }));
    for (const start of ["pointerenter", "focus"]) mark.addEventListener(start, show(regions));
    for (const end of ["pointerleave", "blur"]) mark.addEventListener(end, show([]));
  }
  return mark;
}

// A term's row: its name, a bar to the side of the one it favours, and its value.
function row({ name, lead, decides }, most) {
  const bar = create("span", { className: "rm-bar", ariaHidden: "true" }, create("i", {}));
  bar.firstChild.style.width = `${(50 * Math.abs(lead)) / most}%`;
  bar.classList.toggle("rm-against", lead < 0);
  const size = Math.abs(lead).toFixed(2);
  const value = `${size === "0.00" ? "" : lead < 0 ? "−" : "+"}${size}`;
  const children = [create("span", { textContent: name }), bar, create("span", { textContent: value })];
  const made = create("li", {}, ...children);
  if (decides) made.append(create("strong", { textContent: "decides" }));
  return made;
}

shown(({ unsure, share, pieces, leads }) => {
  element.querySelector(".rm-caption").classList.toggle("rm-unsure", unsure);
  element.querySelector(".rm-phrase").replaceChildren(...pieces.map(marked));
  element.querySelector(".rm-why").hidden = !leads.length;
  const most = Math.max(1, ...leads.map(({ lead }) => Math.abs(lead)));
  terms.replaceChildren(...leads.map((term) => row(term, most)));
  const meter = element.querySelector("meter");
  meter.hidden = !share;
  meter.value = share ?? 0;
});
