"use strict";
(() => {
  const form = document.getElementById("filters");
  const search = document.getElementById("search");
  const code = document.getElementById("code");
  const found = document.getElementById("found");
  const sections = Array.from(document.querySelectorAll(".section"), (element) => ({
    element,
    open: element.open,
    count: element.querySelector("small"),
    images: Array.from(element.querySelectorAll(".image"), (image) => ({ image, code: image.dataset.code, text: null })),
  }));
  const total = sections.reduce((sum, section) => sum + section.images.length, 0);
  const fits = (entry, words, wanted) => {
    if (wanted && entry.code !== wanted) return false;
    if (!words.length) return true;
    entry.text ??= entry.image.textContent.toLowerCase();
    return words.every((word) => entry.text.includes(word));
  };
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = code ? code.value : "";
    const active = words.length > 0 || wanted !== "";
    let shown = 0;
    for (const section of sections) {
      let inSection = 0;
      for (const entry of section.images) {
        const fit = fits(entry, words, wanted);
        if (entry.image.hidden === fit) entry.image.hidden = !fit;
        if (fit) inSection += 1;
      }
      const all = section.images.length.toLocaleString("en");
      section.count.textContent = active ? `${inSection.toLocaleString("en")} of ${all}` : all;
      section.element.hidden = inSection === 0;
      section.element.open = active ? true : section.open;
      shown += inSection;
    }
    found.value = active ? `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} images` : "";
  };
  let timer = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 150);
  });
  if (code) code.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();
