// Every cell, the catalogue, and where it was measured.
let picked = null;
const detail = el("div", {id: "detail"});

const plainName = isa => (!isa || isa === "baseline" ? "plain x86-64" : isa);
const LIMIT = {memory: "memory", compute: "arithmetic", overhead: "no roof that was measured is near"};
function showCell(cell) {
  picked = cell;
  const calls = cell.called.map(c => `${c.calls} calls of code compiled for ${plainName(c.isa)}`).join("; ");
  const e = cell.error;
  detail.replaceChildren(el("div", {class: "card " + KIND[cell.status]},
    el("div", {class: "head"}, el("h3", {class: "mono", style: "overflow-wrap:anywhere"}, cell.id), stateTag(cell.status)),
    facts([
      ["why", cell.reason],
      ["speed", cell.speed ? `${num(cell.speed.median)} tok/s, 95 % ${num(cell.speed.lo)} to ${num(cell.speed.hi)}, ${cell.speed.n} rounds${cell.fewSamples ? " (fewer than asked for)" : ""}` : "none: " + (cell.speedReason || cell.reason || "not measured")],
      ["requested", plainName(cell.requested)], ["called", calls || "nothing"],
      ["called as requested", cell.status === "skipped" ? "" : cell.calledAsRequested ? "yes" : "NO"],
      ["ran on CPUs", cell.cpus ? cell.cpus + (cell.pinned ? " (pinned)" : " (not pinned)") : ""],
      ["rows at a time", `${cell.grain || "auto"} \u00d7 tile of ${cell.rowTile}`],
      ["error, worst product", e.worst === null ? e.reason : `${errorText(e.worst)} (${e.product || "?"}, activations' RMS ${num(e.rms)})`],
      ["error, logits", errorText(e.logits)],
      ["elements that differ", e.mismatches === null ? "" : String(e.mismatches)],
      ["speed-up over 1 thread", cell.speedup === null ? "" : `${num(cell.speedup)}\u00d7, efficiency ${percent(cell.efficiency)}`],
      ["memory traffic", cell.roof ? `${bytes(cell.roof.bytesPerToken)} a token, ${num(cell.roof.gbPerS)} GB/s` + (cell.roof.ratio === null ? "" : `, ${percent(cell.roof.ratio)} of the measured roof`) + (cell.roof.beside === null ? "" : `, ${percent(cell.roof.beside)} of the reads right before each sample`) : ""],
      ["arithmetic", cell.roof && cell.roof.gmac !== null ? `${num(cell.roof.gmac)} \u00b7 10\u2079 multiply-adds/s` + (cell.roof.gmacRatio === null ? "" : `, ${percent(cell.roof.gmacRatio)} of the measured int8 rate`) : ""],
      ["nearest limit", cell.roof ? LIMIT[cell.roof.bound] : ""],
      ["where threads spent time", cell.attribution ? cell.attribution.threads.map((t, i) => `${i}: ${percent(t[0])} busy, ${percent(t[1])} taking chunks, ${percent(t[2])} waiting`).join("; ") +
        `. Busiest thread ${percent(cell.attribution.imbalance)} over the mean, ${percent(cell.attribution.serial)} of the time on one thread alone, ${num(cell.attribution.chunks)} chunks and ${num(cell.attribution.barriers)} barriers a token; reading the clock cost ${percent(cell.attribution.overhead)}.` : ""],
      ["counted a token", cell.counters.map(([name, value]) => `${name} ${num(value)}`).join(", ")],
      ["weights, tables", `${bytes(cell.weightsBytes)}, ${bytes(cell.tableBytes)}`],
      ["samples, tok/s", cell.samples.map(s => num(s.rate) + (s.disturbed ? ` (${s.disturbed})` : "")).join(", ")],
    ]),
    cell.repro ? [el("div", {class: "soft"}, "Measure it again:"), el("pre", {}, cell.repro)] : el("div", {class: "soft"}, "`ryz-lab diagnose` measures it as part of the ladder.")));
}

function cellTable() {
  if (!cells.length) return;
  let words = [];
  let status = "";
  const find = el("input", {type: "search", placeholder: "e.g. quint t2 decode", "aria-label": "find cells", size: "26",
    oninput() { words = find.value.toLowerCase().split(/\s+/).filter(Boolean); tables.cells.refresh(); }});
  const node = makeTable("cells", {
    rows: cells, label: "cells", sort: {column: 7, down: true},
    keep: c => (status === "" || c.status === status) && words.every(w => c.search.includes(w)),
    rowClass: c => [c.status === "wrong" || c.status === "failed" ? "wrong" : c.status === "skipped" ? "dim" : "", c === picked ? "picked" : ""].join(" ").trim(),
    columns: [
      {title: "more", value: c => c.id, show: c => el("button", {type: "button", "aria-label": "details of " + c.id, onclick: () => { showCell(c); tables.cells.goTo(c); detail.scrollIntoView({block: "nearest"}); }}, "show")},
      {title: "phase", kind: "minor", value: c => c.phase},
      {title: "kernel", kind: "minor", value: c => c.kernel, id: true},
      {title: "encoding", kind: "minor", value: c => c.encoding, id: true},
      {title: "schedule", kind: "minor", value: c => c.schedule + c.axes, id: true},
      {title: "threads", kind: "minor", num: true, value: c => c.threads},
      {title: "status", value: c => c.status, show: c => el("span", {title: c.reason}, stateTag(c.status))},
      {title: "tok/s", num: true, value: c => c.speed ? c.speed.median : null, show: c => c.speed ? num(c.speed.median) : "-"},
      {title: "\u00b1", kind: "minor", num: true, value: c => c.speed ? halfWidth(c.speed) : null, show: c => c.speed ? (halfWidth(c.speed) === null ? "n=1" : percent(halfWidth(c.speed))) : "-", hint: "half-width of the 95 % interval"},
      {title: "error", kind: "minor", num: true, value: c => c.error.worst, show: c => errorText(c.error.worst), hint: "of the worst product"},
      {title: "speed-up", kind: "minor", num: true, value: c => c.speedup, show: c => c.speedup === null ? "-" : num(c.speedup) + "\u00d7"},
      {title: "GB/s", kind: "minor", num: true, value: c => c.roof ? c.roof.gbPerS : null, show: c => c.roof ? num(c.roof.gbPerS) : "-"},
      {title: "of roof", kind: "minor", optional: true, num: true, value: c => c.roof ? c.roof.ratio : null, show: c => percent(c.roof ? c.roof.ratio : null), hint: "of the read bandwidth measured with as many threads; none where the data fits the caches"},
      {title: "of reads beside", kind: "minor", optional: true, num: true, value: c => c.roof ? c.roof.beside : null, show: c => percent(c.roof ? c.roof.beside : null), hint: "of what bare reads got right before each sample, on its threads; the median"},
      {title: "limit", kind: "minor", optional: true, value: c => c.roof ? c.roof.bound : null, hint: "memory or compute where 70 % of that roof is reached, else overhead"},
      {title: "cell", kind: "phone", value: c => c.id, id: true},
    ]});
  section("cells", "Every cell", "A cell is one combination of kernel, encoding, schedule and threads in one phase. Sort by any column; `show` has what was called, the samples and the command that measures the cell again.",
    el("div", {class: "controls noprint"}, el("label", {}, "find", find),
      select("status", [{value: "", text: "all"}, ...STATUS.map(s => ({value: s, text: s}))], v => { status = v; tables.cells.refresh(); })),
    detail, node);
}
for (const c of cells) c.search = c.id.toLowerCase() + " " + c.status;

function catalogue() {
  if (!report.catalogue.length) return;
  section("catalogue", "Catalogue", "Every kernel there is, whether it can run on this machine or not.", makeTable("catalogue", {
    rows: report.catalogue, label: "catalogue", rowClass: e => (e.runnable ? "" : "dim"),
    columns: [
      {title: "kernel", value: e => e.kernel, id: true}, {title: "encoding", value: e => e.encoding, id: true},
      {title: "needs", value: e => e.needs || "plain x86-64"},
      {title: "runs here", value: e => (e.runnable ? "yes" : "no"), show: e => e.runnable ? "yes" : "no: " + e.reason},
      {title: "exact", value: e => (e.knownWrong ? "wrong" : e.exact ? "yes" : "lossy"), show: e => e.knownWrong ? "WRONG: " + e.knownWrong : e.exact ? "yes" : "lossy", wide: true},
      {title: "rows a tile", num: true, value: e => e.rowTile},
      {title: "tables", value: e => e.tableKind},
    ]}));
}

function machine() {
  section("machine", "Machine, model and build", null, el("div", {class: "two"},
    el("div", {}, el("h3", {}, "Machine"), facts(report.machine)),
    el("div", {}, el("h3", {}, "Model"), report.models.map(m => facts(m.facts)), el("h3", {}, "Program"), facts(report.tool)),
    el("div", {}, el("h3", {}, "What was asked"), facts(report.config), el("pre", {}, report.argv))));
}
