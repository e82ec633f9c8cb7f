// Values of a figure's marks where the reader points, or by keyboard: Tab enters a figure, arrow keys
// go from mark to mark, Escape hides the value.
const bubble = document.createElement("div");
bubble.id = "bubble";
bubble.setAttribute("aria-hidden", "true");  // each mark has its text as its label
bubble.hidden = true;
document.body.append(bubble);

const show = (mark, x, y) => {
  bubble.textContent = mark.getAttribute("aria-label");
  bubble.hidden = false;
  const { width, height } = bubble.getBoundingClientRect();
  const room = document.documentElement.clientWidth - width - 4;
  bubble.style.left = `${Math.max(4, Math.min(x + 12, room))}px`;
  bubble.style.top = `${y - height - 10 > 4 ? y - height - 10 : y + 16}px`;
};
const hide = () => { bubble.hidden = true; };

for (const drawing of document.querySelectorAll("figure svg[role=group]")) {
  const marks = [...drawing.querySelectorAll(".tip")];
  marks.forEach((mark, at) => {
    mark.querySelector(":scope > title").remove();  // the browser would show it a second time
    mark.setAttribute("tabindex", at ? "-1" : "0");
    mark.addEventListener("pointermove", (event) => show(mark, event.clientX, event.clientY));
    mark.addEventListener("pointerleave", hide);
    mark.addEventListener("focus", () => {
      const box = mark.getBoundingClientRect();
      show(mark, (box.left + box.right) / 2, (box.top + box.bottom) / 2);
    });
    mark.addEventListener("blur", hide);
    mark.addEventListener("keydown", (event) => {
      const last = marks.length - 1;
      const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
        Home: 0, End: last }[event.key];
      if (event.key === "Escape") hide();
      if (next === undefined) return;
      event.preventDefault();
      const target = marks[Math.max(0, Math.min(next, last))];
      mark.setAttribute("tabindex", "-1");
      target.setAttribute("tabindex", "0");
      target.focus();
    });
  });
}
addEventListener("scroll", hide, { passive: true });
