// Values are set as text and as properties of elements, never as part of a template: Gradio
// evaluates templates, and would run code in a value.

// Show a component's value: texts in elements with `data-text`, the rest by `fill`. Without a
// value the component is hidden.
function shown(fill) {
  const show = () => {
    const { value } = props;
    element.firstElementChild.hidden = !value;
    if (!value) return;
    for (const target of element.querySelectorAll("[data-text]")) {
      target.textContent = value[target.dataset.text] ?? "";
    }
    fill(value);
  };
  watch("value", show);
  show();
}

// Create an element with these properties.
function create(tag, properties, ...children) {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
}
