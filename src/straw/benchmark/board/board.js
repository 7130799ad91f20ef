// Sorts a table by the column whose head is pressed: numbers as numbers, texts as texts, and the other way round again.
"use strict";
(() => {
  const number = (text) => (text.trim() === "" ? NaN : Number(text === "inf" ? "Infinity" : text));

  function compare(first, second) {
    const [a, b] = [number(first), number(second)];
    if (!Number.isNaN(a) && !Number.isNaN(b)) return a === b ? 0 : a < b ? -1 : 1;
    return first.localeCompare(second);
  }

  function sort(table, head) {
    const heads = [...table.querySelectorAll("thead th")];
    const place = heads.indexOf(head);
    const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    heads.forEach((one) => one.setAttribute("aria-sort", one === head ? way : "none"));
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((one, other) => compare(one.cells[place].dataset.by, other.cells[place].dataset.by));
    body.append(...(way === "ascending" ? rows : rows.reverse()));
  }

  document.querySelectorAll("table.sortable").forEach((table) =>
    table.querySelectorAll("thead button").forEach((button) =>
      button.addEventListener("click", () => sort(table, button.closest("th")))));
})();
