// What comes from outside is set as text and as properties of elements. It never becomes part of a
// template: Gradio evaluates templates, and would run what is in them.

// Show a component's value: its texts where `data-text` names them, the rest as `fill` does.
// Without a value the component is hidden.
function shown(fill) {
  const show = () => {
    const { value } = props;
    element.firstElementChild.hidden = !value;
    if (!value) return;
    for (const place of element.querySelectorAll("[data-text]")) {
      place.textContent = value[place.dataset.text] ?? "";
    }
    fill(value);
  };
  watch("value", show);
  show();
}

// A new element with these properties.
function made(tag, properties, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}
