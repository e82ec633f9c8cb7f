"use strict";
// Sort a table by a column: its button's first press puts the largest first (text: A first), the
// next turns the order around. A row without a number there stays at the bottom either way.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const column = Number(button.dataset.column);
      const byName = column === 0 || "text" in button.dataset;
      const before = head.getAttribute("aria-sort");
      const order = before === (byName ? "ascending" : "descending")
        ? (byName ? "descending" : "ascending") : (byName ? "ascending" : "descending");
      for (const other of table.querySelectorAll("thead th[aria-sort]")) {
        other.setAttribute("aria-sort", "none");
      }
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => row.cells[column].dataset.value;
      const rows = [...body.rows].sort((one, two) => {
        const [a, b] = [value(one), value(two)];
        if (byName) return sign * a.localeCompare(b, undefined, { numeric: true });
        if (a === "" || b === "") return (a === "") - (b === "");
        return sign * (Number(a) - Number(b));
      });
      body.append(...rows);
    });
  }
}
