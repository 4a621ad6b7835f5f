shown(({ unsure, share }) => {
  element.querySelector(".rm-caption").classList.toggle("rm-unsure", unsure);
  const meter = element.querySelector("meter");
  meter.hidden = !share;
  meter.value = share ?? 0;
});
