shown(({ kind }) => {
  element.querySelector(".rm-status").className = `rm-status ${kind ?? ""}`;
});
