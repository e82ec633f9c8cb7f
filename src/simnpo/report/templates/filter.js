// Show the cards of a section that hold every word typed. Without scripts there is no box.
for (const box of document.querySelectorAll(".filter")) {
  const [field, count] = [box.querySelector("input"), box.querySelector("output")];
  const cards = [...box.closest("section").querySelectorAll(".card")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  box.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    cards.forEach((card, at) => { card.hidden = !words.every((word) => texts[at].includes(word)); });
    const left = cards.filter((card) => !card.hidden).length;
    count.value = words.length ? `${left} of ${cards.length} questions` : "";
  });
}
