"use strict";
(() => {
  const table = document.getElementById("entries");
  const bodies = [...table.tBodies].map((body) => ({ body, rows: [...body.querySelectorAll("tr:not(.group)")] }));
  const heads = [...table.tHead.rows[0].cells];
  const rows = bodies.flatMap((each) => each.rows);
  const value = (row, index) => {
    const text = row.cells[index].dataset.value;
    return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
  };
  const order = (a, b) => {
    if (a === "" || b === "") return a === b ? 0 : a === "" ? Infinity : -Infinity;
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");
  };
  const sort = (header, index) => {
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    for (const { body, rows: own } of bodies) {
      body.append(...[...own].sort((a, b) => {
        const found = order(value(a, index), value(b, index));
        return Number.isFinite(found) && descending ? -found : found;
      }));
    }
  };
  heads.forEach((header, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(header, index));
    header.replaceChildren(button);
  });
  const bar = document.getElementById("filterbar");
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const choices = ["bits", "mode", "seed"].map((key) => heads.findIndex((head) => head.dataset.key === key));
  const selects = choices.map((index) => {
    const values = [...new Set(rows.map((row) => value(row, index)))].sort(order);
    if (values.length < 2) return null;
    const label = document.createElement("label");
    const select = document.createElement("select");
    select.append(new Option("all", ""), ...values.map((each) => new Option(each)));
    label.append(`${heads[index].textContent} `, select);
    bar.insertBefore(label, shown);
    return { index, select };
  }).filter(Boolean);
  const chosen = (row) => selects.every(({ index, select }) => !select.value || select.value === String(value(row, index)));
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, index) => {
      row.hidden = !(chosen(row) && words.every((word) => texts[index].includes(word)));
      count += row.hidden ? 0 : 1;
    });
    for (const { body, rows: own } of bodies) body.hidden = own.every((row) => row.hidden);
    shown.textContent = `${count} of ${rows.length} rows`;
  };
  bar.addEventListener("input", apply);
  bar.hidden = false;
  apply();
})();
