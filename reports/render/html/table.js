// Tables that sort by any column and show a page at a time, so that thousands of rows cost no more
// than one page. What cannot be compared (not measured) stays last in both directions.
// A phone shows fewer, as each row is a block there.
const PAGE = innerWidth < 640 ? 15 : 50;
const tables = {};

// columns: {title, value: row => number|string|null, show: row => node|string, num, id, wide, kind, hint}
// Of an `optional` column nothing is shown where no row has a value.
const missing = v => v === null || v === undefined || v === "";
function makeTable(name, options) {
  const columns = options.columns.filter(c => !c.optional || (options.all || options.rows).some(row => !missing(c.value(row))));
  let rows = options.rows;
  let order = options.sort || null;  // {column, down}
  let page = 0;
  let shown = rows;
  let perPage = options.page || PAGE;
  const body = el("tbody");
  const kinds = columns.map(c => [c.num ? "num" : "", c.id ? "id" : "", c.wide ? "wide" : "", c.kind || ""].join(" ").trim());
  const heads = columns.map((c, i) => el("th", {class: kinds[i], scope: "col", "aria-sort": "none", title: c.hint},
    el("button", {type: "button", onclick: () => sortBy(i)}, c.title)));
  const pager = el("div", {class: "pager noprint"});
  const status = el("span", {role: "status"});
  const step = (text, to) => el("button", {type: "button", onclick: () => { page = to(); draw(); }}, text);
  const previous = step("\u2190 previous", () => page - 1);
  const following = step("next \u2192", () => page + 1);
  pager.append(previous, following, status);

  function compareRows(a, b) {
    const x = columns[order.column].value(a);
    const y = columns[order.column].value(b);
    const noX = missing(x);
    const noY = missing(y);
    if (noX || noY) return noX - noY;
    const less = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", {numeric: true});
    return order.down ? -less : less;
  }
  function arrange() {
    shown = options.keep ? rows.filter(options.keep) : rows;
    if (order) shown = [...shown].sort(compareRows);
  }
  function sortBy(column) {
    const same = order && order.column === column;
    order = {column, down: same ? !order.down : !!columns[column].num};
    page = 0;
    arrange();
    draw();
  }
  function draw() {
    const pages = Math.max(1, Math.ceil(shown.length / perPage));
    page = Math.min(Math.max(0, page), pages - 1);
    body.replaceChildren(...shown.slice(page * perPage, (page + 1) * perPage).map(row => {
      const tr = el("tr", {class: options.rowClass ? options.rowClass(row) : ""}, columns.map((c, i) => {
        const value = c.show ? c.show(row) : c.value(row);
        // One node a cell: on a phone it stands beside its title.
        const empty = missing(value) || value === "-";
        return el("td", {class: kinds[i] + (empty ? " empty" : ""), "data-title": c.title}, empty ? "-" : value);
      }));
      return tr;
    }));
    heads.forEach((h, i) => h.setAttribute("aria-sort", !order || order.column !== i ? "none" : order.down ? "descending" : "ascending"));
    previous.disabled = page === 0;
    following.disabled = page === pages - 1;
    status.textContent = shown.length === 0 ? "no rows" : pages === 1 ? `${shown.length} row${shown.length === 1 ? "" : "s"}` :
      `rows ${page * perPage + 1} to ${Math.min(shown.length, (page + 1) * perPage)} of ${shown.length}`;
    pager.hidden = rows.length <= perPage && !options.keep;
  }
  const table = el("table", {}, options.caption ? el("caption", {}, options.caption) : null,
                   el("thead", {}, el("tr", {}, heads)), body);
  const scroll = el("div", {class: options.keep ? "scroll" : "scroll stack", tabindex: "0", role: "region", "aria-label": options.label || options.caption || name}, table);
  const api = {
    node: el("div", {id: "table-" + name}, scroll, pager),
    refresh() { page = 0; arrange(); draw(); },
    setRows(fresh) { rows = fresh; api.refresh(); },
    // Paper has no next page button: as many rows as a person would print.
    print(on) { perPage = on ? Math.max(perPage, 400) : options.page || PAGE; draw(); },
    goTo(row) { page = Math.floor(Math.max(0, shown.indexOf(row)) / perPage); draw(); },
    sortBy, columns, get shown() { return shown; },
  };
  tables[name] = api;
  arrange();
  draw();
  return api.node;
}
