element.querySelector(".rm-model").textContent = props.note;
