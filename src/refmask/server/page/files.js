shown((files) => {
  for (const link of element.querySelectorAll("a")) {
    const { name, href } = files[link.dataset.file];
    Object.assign(link, { download: name, href });
  }
});
