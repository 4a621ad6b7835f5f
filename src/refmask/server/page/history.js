shown((phrases) => {
  const buttons = phrases.map((phrase) =>
    create("button", { type: "button", className: "rm-button", textContent: phrase }),
  );
  element.querySelector(".rm-row").replaceChildren(...buttons);
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { phrase: button.textContent });
});
