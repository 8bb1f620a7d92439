// The report as it comes from html_data.cc: strings are interned, cells are rows of numbers.
const payload = JSON.parse(document.getElementById("ryz-data").textContent);
const report = payload.report;
const comparison = payload.compare;
const S = i => payload.strings[i];

const STATUS = ["ok", "wrong", "skipped", "failed"];

function decodeCell(row) {
  const c = {};
  let at = 0;
  const next = () => row[at++];
  c.phase = S(next()); c.kernel = S(next()); c.encoding = S(next()); c.schedule = S(next());
  c.grain = next(); c.rowTile = next(); c.threads = next();
  c.model = S(next());
  const suffix = S(next());
  c.status = STATUS[next()]; c.reason = S(next());
  const flags = next();
  c.exact = !!(flags & 1); c.knownWrong = !!(flags & 2); c.calledAsRequested = !!(flags & 4);
  c.pinned = !!(flags & 8); c.fewSamples = !!(flags & 16);
  const speed = next();
  c.speed = speed ? {median: speed[0], lo: speed[1], hi: speed[2], mad: speed[3], n: speed[4]} : null;
  c.speedReason = S(next());
  const error = payload.errors[next()];
  c.error = {worst: error[0], median: error[1], logits: error[2], mismatches: error[3], rms: error[4],
             product: S(error[5]), nonFinite: !!error[6], tolerance: error[7], reason: S(error[8])};
  c.speedup = next(); c.efficiency = next();
  const roof = next();
  c.roof = roof ? {bytesPerToken: roof[0], gbPerS: roof[1], ratio: roof[2], gmac: roof[3], gmacRatio: roof[4], bound: S(roof[5]), beside: roof[6]} : null;
  c.weightsBytes = next(); c.tableBytes = next();
  c.requested = S(next());
  c.called = next().map(pair => ({isa: S(pair[0]), calls: pair[1]}));
  c.cpus = S(next());
  c.axes = suffix;
  c.id = next() || `${c.phase}/${c.kernel}/${c.encoding}/${c.schedule}/t${c.threads}${suffix}`;
  // What the row says already is left out of the command.
  const said = {k: c.kernel, e: c.encoding, p: c.phase, g: String(c.grain), t: String(c.threads)};
  c.repro = S(next()).replace(/\u0001([kepgt])/g, (_, key) => said[key]);
  // order, rate, and a list of round and disturbance only where the round is not the next one.
  const flat = next();
  c.samples = [];
  for (let i = 0, expected = 0; i + 1 < flat.length; i += 2) {
    const sample = {round: expected, order: flat[i], rate: flat[i + 1], disturbed: ""};
    if (Array.isArray(flat[i + 2])) {
      sample.round = flat[i + 2][0];
      sample.disturbed = S(flat[i + 2][1]);
      ++i;
    }
    expected = sample.round + 1;
    c.samples.push(sample);
  }
  const shares = next();
  c.attribution = shares ? {threads: shares[0], imbalance: shares[1], serial: shares[2], chunks: shares[3], barriers: shares[4], overhead: shares[5]} : null;
  const counted = next();
  c.counters = counted ? S(counted[0]).split(" ").map((name, i) => [name, counted[i + 1]]) : [];
  c.pair = c.kernel + "/" + c.encoding;
  return c;
}

const cells = report.cells.map(decodeCell);
const cellById = new Map(cells.map(c => [c.id, c]));
const curves = report.curves.map(r => ({
  phase: S(r[0]), kernel: S(r[1]), encoding: S(r[2]), schedule: S(r[3]), model: S(r[4]),
  // A point without numbers ends after its reason.
  points: r[5].map(([threads, state, reason, cell = -1, speed = null, speedup = null, efficiency = null, amdahl = null, usl = null]) => ({
    threads, state: S(state), reason: S(reason), cell: cell < 0 ? null : cells[cell], speed, speedup, efficiency, amdahl, usl})),
  projection: r[6] || null,
}));

// ---- as people read them ---------------------------------------------------------------------
function num(v) {
  if (v === null || v === undefined) return "-";
  const size = Math.abs(v);
  if (size >= 1e7 || (size > 0 && size < 1e-4)) return v.toExponential(3);
  if (size >= 999.95) return v.toFixed(0);
  if (size >= 99.995) return v.toFixed(1);
  if (size >= 9.9995) return v.toFixed(2);
  if (size >= 0.99995 || size === 0) return v.toFixed(3);
  return v.toFixed(4);
}
function percent(v, digits) {
  if (v === null || v === undefined) return "-";
  const p = 100 * v;
  return p.toFixed(digits === undefined ? (Math.abs(p) < 9.95 ? 1 : 0) : digits) + " %";
}
function signed(v) { return v === null || v === undefined ? "-" : (v >= 0 ? "+" : "") + (100 * v).toFixed(1) + " %"; }
function errorText(v) {
  if (v === null || v === undefined) return "-";
  return v === 0 ? "0" : Math.abs(v) < 0.01 ? v.toExponential(1) : percent(v);
}
function bytes(v) {
  if (v === null || v === undefined) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let u = 0;
  while (v >= 1024 && u + 1 < units.length) { v /= 1024; ++u; }
  return v.toFixed(v >= 100 || v === Math.floor(v) ? 0 : 1) + " " + units[u];
}
function duration(s) {
  if (s === null || s === undefined) return "?";
  if (s < 60) return s.toFixed(s < 10 ? 1 : 0) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min " + Math.round(s % 60) + " s";
  return Math.floor(s / 3600) + " h " + Math.floor(s / 60 % 60) + " min";
}
function halfWidth(s) { return s.n < 2 || !s.median ? null : Math.max(s.hi - s.median, s.median - s.lo) / s.median; }
function speedText(s) {
  if (!s) return "-";
  const half = halfWidth(s);
  return num(s.median) + (half === null ? " (n=1)" : " \u00b1" + percent(half));
}
function median(values) {
  const v = [...values].sort((a, b) => a - b);
  const m = v.length >> 1;
  return v.length === 0 ? null : v.length % 2 ? v[m] : (v[m - 1] + v[m]) / 2;
}
function by(items, key) {
  const map = new Map();
  for (const item of items) {
    const k = key(item);
    if (!map.has(k)) map.set(k, []);
    map.get(k).push(item);
  }
  return map;
}
const distinct = values => [...new Set(values)];
const modelName = m => m || (report.models[0] ? report.models[0].source : "the model");
const modelOf = c => report.models.find(m => m.source === c.model) || report.models[0];
const best = list => list.reduce((a, b) => (b.speed && (!a || b.speed.median > a.speed.median) ? b : a), null);

// ---- nodes -----------------------------------------------------------------------------------
// Text goes in as text nodes and plain attributes: nothing of a report becomes markup.
function el(tag, attrs, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attrs || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else node.setAttribute(key, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}
// `names` in a text are set as code.
const prose = text => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));
const tag = (text, kind) => el("span", {class: "tag " + kind}, text);
const KIND = {clear: "good", blocked: "bad", unknown: "doubt", pass: "good", fail: "bad", not_measured: "doubt",
              ok: "good", wrong: "bad", failed: "bad", skipped: "plain"};
// State by word and sign, not by colour alone.
const SIGN = {good: "\u2713 ", bad: "\u2717 ", doubt: "? ", plain: ""};
const stateTag = state => tag(SIGN[KIND[state] || "plain"] + String(state).replace("_", " "), KIND[state] || "plain");

// Pairs of label and value, or an object of them.
function facts(list) {
  const pairs = Array.isArray(list) ? list : Object.entries(list);
  return el("dl", {class: "facts"}, pairs.filter(p => p[1] !== "" && p[1] !== null && p[1] !== undefined)
    .map(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]).flat());
}
function select(label, options, onchange, chosen) {
  const node = el("select", {onchange: () => onchange(node.value)});
  for (const o of options) {
    if (o.group) {
      node.append(el("optgroup", {label: o.group}, o.options.map(x => el("option", {value: x.value}, x.text))));
    } else {
      node.append(el("option", {value: o.value}, o.text));
    }
  }
  if (chosen !== undefined) node.value = chosen;
  return el("label", {}, label, node);
}
const sections = [];
const SHORT = {summary: "Summary", compare: "Comparison", faults: "Faults", scaling: "Scaling", heat: "Grain", ladder: "Ladder",
               samples: "Samples", errors: "Errors", cells: "Cells", encodings: "Encodings", machine: "Machine"};
function section(id, title, how, ...content) {
  const node = el("section", {id, "aria-labelledby": id + "-h"}, el("h2", {id: id + "-h"}, title),
                  how ? el("p", {class: "how"}, prose(how)) : null, content);
  sections.push({id, title, node});
  document.getElementById("main").append(node);
  return node;
}
