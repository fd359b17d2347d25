// Sorts a table by the column whose heading is clicked; a second click reverses the order.
for (const heading of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const descending = heading.ariaSort === "ascending";
    const body = heading.closest("table").tBodies[0];
    const text = (row) => row.cells[heading.cellIndex].textContent;
    const number = (row) => (text(row) === "–" ? -Infinity : parseFloat(text(row)));
    const order = (a, b) => number(a) - number(b) || text(a).localeCompare(text(b));
    for (const other of heading.parentNode.cells) other.ariaSort = null;
    heading.ariaSort = descending ? "descending" : "ascending";
    body.append(...[...body.rows].sort((a, b) => (descending ? order(b, a) : order(a, b))));
  });
}
