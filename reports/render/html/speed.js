// How fast: scaling by threads, grain by threads, roofline, encodings, samples over time.

const heightOf = curve => Math.max(0, ...curve.points.filter(p => p.state === "measured" && p.speed !== null).map(p => p.speed));

const measuredOf = curve => curve.points.filter(p => p.state === "measured").length;

function curveName(c) {
  const cell = c.points.map(p => p.cell).find(Boolean);
  const axes = cell ? cell.axes.replace(/@model=.*/, "") : "";
  return `${c.kernel}/${c.encoding} ${cell ? cell.schedule : c.schedule}${axes}`;
}
// tok/s at which reading the weights alone would fill the measured bandwidth of as many threads.
// Only where the data does not fit the caches: elsewhere memory is no limit.
function ceilings(curve) {
  const bound = curve.points.some(p => p.cell && p.cell.roof && p.cell.roof.ratio !== null);
  return curve.points.map(p => {
    const roof = report.bandwidth.find(b => b[0] === p.threads);
    const bytesPerToken = curve.points.map(q => q.cell && q.cell.roof && q.cell.roof.bytesPerToken).find(Boolean);
    return bound && roof && bytesPerToken ? roof[1] * 1e9 / bytesPerToken : null;
  });
}

function scaling() {
  const usable = curves.filter(c => c.points.some(p => p.speed !== null));
  if (!usable.length) return;
  usable.forEach((c, i) => { c.place = i; c.height = heightOf(c); });
  const groups = by(usable, c => `${c.phase} on ${modelName(c.model)}`);
  // The full model first: it is what the verdicts are about.
  const first = [...usable].sort((a, b) => (b.phase === "decode") - (a.phase === "decode") ||
    !!b.model - !!a.model || measuredOf(b) - measuredOf(a) || b.height - a.height)[0];
  let chosen = first;
  const chart = makeChart("scaling", "Tokens per second by threads; the table below has the numbers", () => {
    const p = chosen.points;
    const narrow = innerWidth < 640;
    const measured = p.map(x => (x.state === "measured" ? x.speed : null));
    const projected = p.map(x => (x.state === "projected" ? x.speed : null));
    const one = p.find(x => x.threads === 1 && x.speed !== null);
    const roof = ceilings(chosen);
    const lacking = p.map(x => (x.speed === null ? 0 : null));
    const datasets = [
      {label: "measured", data: measured, borderColor: color(0), backgroundColor: color(0), pointRadius: 5, borderWidth: 2.5,
       intervals: p.map(x => x.state === "measured" && x.cell && x.cell.speed ? [x.cell.speed.lo, x.cell.speed.hi] : null), intervalColor: color(0)},
      {label: "ideal: threads \u00d7 one thread", data: p.map(x => (one ? one.speed * x.threads : null)), borderColor: css("--soft"), backgroundColor: css("--soft"),
       borderDash: [6, 5], borderWidth: 1.5, pointRadius: 0, pointStyle: "line"}];
    if (roof.some(v => v !== null)) {
      datasets.push({label: "bandwidth ceiling", data: roof, borderColor: color(1), backgroundColor: color(1), borderWidth: 2, borderDash: [2, 3],
                     pointRadius: 4, pointStyle: "rectRot", spanGaps: true});
    }
    if (projected.some(v => v !== null)) {
      datasets.push({label: "projected, not measured", data: projected, borderColor: color(6), backgroundColor: "transparent", borderDash: [3, 4],
                     borderWidth: 2, pointRadius: 6, pointStyle: "circle"});
    }
    for (const [law, label, at] of [["amdahl", "Amdahl's law, fitted", 2], ["usl", "universal scalability law, fitted", 3]]) {
      if (!one || !p.some(x => x[law] !== null)) continue;
      datasets.push({label, data: p.map(x => (x[law] === null ? null : one.speed * x[law])), borderColor: color(at), backgroundColor: color(at),
                     borderWidth: 1.5, borderDash: [8, 3], pointRadius: 0, pointStyle: "line", spanGaps: true});
    }
    if (lacking.some(v => v !== null)) {
      datasets.push({label: "not measured", data: lacking, showLine: false, borderColor: css("--soft"), backgroundColor: css("--soft"),
                     pointStyle: "crossRot", pointRadius: 6, borderWidth: 2});
    }
    return {type: "line", data: {labels: p.map(x => x.threads), datasets},
      options: {interaction: {mode: "nearest", intersect: false},
        scales: {x: axis("threads"), y: {...axis(narrow ? "tok/s" : "tokens per second"), beginAtZero: true}},
        plugins: {tooltip: {callbacks: {title: items => items.length ? `${items[0].label} threads` : "", label(item) {
          const x = p[item.dataIndex];
          if (item.dataset.label === "not measured") return "not measured: " + x.reason;
          const s = x.cell && x.cell.speed;
          return `${item.dataset.label}: ${num(item.parsed.y)} tok/s` + (item.datasetIndex === 0 && s && s.n > 1 ? `, 95 % ${num(s.lo)} to ${num(s.hi)}` : "");
        }}}}}};
  });
  // Neighbours without a measurement for the same reason share a row.
  const rowsOf = curve => {
    const roof = ceilings(curve);
    const rows = [];
    curve.points.forEach((p, i) => {
      const last = rows[rows.length - 1];
      if (last && p.speed === null && last.speed === null && last.state === p.state && last.reason === p.reason) last.to = p.threads;
      else rows.push({...p, to: p.threads, roof: roof[i]});
    });
    return rows;
  };
  const rows = () => rowsOf(chosen);
  const list = makeTable("scaling", {rows: rows(), all: usable.filter(c => c.points.some(p => p.cell && p.cell.roof && p.cell.roof.ratio !== null)).slice(0, 1).flatMap(rowsOf), label: "scaling", page: 64, columns: [
    {title: "threads", num: true, value: p => p.threads, show: p => p.to > p.threads ? `${p.threads} to ${p.to}` : String(p.threads)},
    {title: "tok/s", num: true, value: p => p.speed, show: p => p.speed === null ? "not measured" : num(p.speed)},
    {title: "95 % interval", value: p => p.cell && p.cell.speed ? p.cell.speed.lo : null, show: p => p.cell && p.cell.speed ? `${num(p.cell.speed.lo)} to ${num(p.cell.speed.hi)}` : "-"},
    {title: "speed-up", num: true, value: p => p.speedup, show: p => p.speedup === null ? "-" : num(p.speedup) + "\u00d7"},
    {title: "efficiency", num: true, value: p => p.efficiency, show: p => percent(p.efficiency)},
    {title: "ceiling tok/s", optional: true, num: true, value: p => p.roof, show: p => num(p.roof)},
    {title: "state", value: p => p.state, show: p => p.state.replace("_", " ") + (p.reason ? ": " + p.reason : "")},
  ]});
  section("scaling", "Scaling by threads", "Bars are 95 % intervals. Dashed: what perfect scaling would give. The ceiling is the measured read bandwidth divided by the bytes a token needs; there is none where the data fits the caches. A cross at the bottom marks a thread count this report has no measurement for.",
    el("div", {class: "controls noprint"}, select("curve", [...groups].map(([group, list]) => ({group, options: [...list].sort((a, b) => b.height - a.height)
      .map(c => ({value: String(c.place), text: `${curveName(c)}, ${num(c.height)} tok/s`}))})), v => {
        chosen = usable[+v]; chart.draw(); title.textContent = heading(); note.textContent = projected(); tables.scaling.setRows(rows());
      }, String(first.place))));
  const heading = () => `${chosen.phase} on ${modelName(chosen.model)}: ${curveName(chosen)}`;
  const projected = () => {
    const p = chosen.projection;
    if (!p) return "";
    const check = p.error === null ? p.reason || "it could not be checked" : `at ${p.checked} threads, which were measured too, it is ${signed(p.error)} off`;
    return `Projected points replay the chunks that one thread took (${num(p.one)} tok/s) on more threads, ` +
      (p.gbPerS === null ? "without a limit by memory" : `under ${num(p.gbPerS)} GB/s of read bandwidth (${p.source})`) + `; ${check}. They are not measurements.`;
  };
  const title = el("h3", {class: "mono"}, heading());
  const note = el("p", {class: "soft"}, projected());
  sections[sections.length - 1].node.append(title, chart.node, note, list);
  chart.draw();
}

// ---- grain by threads ------------------------------------------------------------------------
const FIRST_MAPS = 6;
function heat() {
  const plain = cells.filter(c => c.status !== "skipped" && c.axes.replace(/@model=.*/, "") === "");
  const groups = by(plain, c => `${c.phase} on ${modelName(c.model)}`);
  for (const [key, list] of groups) if (distinct(list.map(c => c.schedule)).length < 2) groups.delete(key);
  if (!groups.size) return;
  const box = el("div");
  const order = s => [s.replace(/\d+/, ""), +(s.match(/\d+/) || [0])[0]];
  function draw(key) {
    const pairs = [...by(groups.get(key), c => c.pair)].map(([pair, list]) => ({pair, list, top: best(list)}));
    pairs.sort((a, b) => (b.top ? b.top.speed.median : 0) - (a.top ? a.top.speed.median : 0));
    const mute = pairs.filter(p => !p.top).map(p => p.pair);
    const spoken = pairs.filter(p => p.top);
    const map = ({pair, list, top}) => {
      const schedules = distinct(list.map(c => c.schedule)).sort((a, b) => { const x = order(a), y = order(b); return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] - y[1]; });
      const threads = distinct(list.map(c => c.threads)).sort((a, b) => a - b);
      return el("div", {class: "heat"}, el("h3", {}, pair), el("div", {class: "scroll"}, el("table", {"data-heat": pair},
        el("thead", {}, el("tr", {}, el("th", {scope: "col"}, "schedule"), threads.map(t => el("th", {scope: "col"}, "t=" + t)))),
        el("tbody", {}, schedules.map(s => el("tr", {}, el("th", {scope: "row"}, s), threads.map(t => {
          const c = list.find(x => x.schedule === s && x.threads === t);
          if (!c || !c.speed) return el("td", {class: "none", title: c ? c.reason || c.speedReason : "not asked for"}, c ? c.status : "-");
          const share = c.speed.median / top.speed.median;
          return el("td", {class: c === top ? "best" : "", style: `--a:${(0.62 * share).toFixed(3)}`, "data-value": c.speed.median,
                           title: `${c.id}: ${speedText(c.speed)} tok/s`}, num(c.speed.median));
        })))))));
    };
    const rest = spoken.splice(FIRST_MAPS);
    const folded = el("div", {class: "heats"});
    const details = el("details", {ontoggle: () => details.fill()}, el("summary", {}, `${rest.length} slower kernel${rest.length === 1 ? "" : "s"}`), folded);
    // Made when they are looked at, or printed.
    details.fill = () => { if (!folded.firstChild) folded.append(...rest.map(map)); };
    box.replaceChildren(el("div", {class: "heats"}, spoken.map(map)), rest.length ? details : "",
      mute.length ? el("p", {class: "soft"}, "No speed at all (wrong or failed): " + mute.join(", ") + ".") : "");
  }
  const names = [...groups.keys()];
  section("heat", "Grain and threads", "tok/s of each schedule (g4 is dynamic with 4 row tiles a chunk, s static, u guided, w work stealing) and thread count. Darker is nearer to that kernel's own best, which is framed; fastest kernels first.",
    el("div", {class: "controls noprint"}, select("cells of", names.map(n => ({value: n, text: n})), draw, names[0])), box);
  draw(names[0]);
}

// ---- roofline --------------------------------------------------------------------------------
function roofline() {
  const points = cells.filter(c => c.speed && c.roof && modelOf(c)).map(c => {
    const operations = 2 * modelOf(c).weights;  // a multiplication and an addition a weight
    return {cell: c, x: operations / c.roof.bytesPerToken, y: c.speed.median * operations / 1e9};
  }).filter(p => p.x > 0 && p.y > 0);
  if (!points.length) return;
  const lowest = Math.min(...points.map(p => p.x)) / 1.6;
  const highest = Math.max(...points.map(p => p.x)) * 1.6;
  const groups = [...by(points, p => `${p.cell.phase} on ${modelName(p.cell.model)}`)];
  const shapes = ["circle", "triangle", "rect", "rectRot", "star"];
  const chart = makeChart("roofline", "Operations per second against operations per byte, with the measured read bandwidth", () => ({
    type: "scatter",
    data: {datasets: [
      ...groups.map(([key, list], i) => ({label: key, data: list.map(p => ({x: p.x, y: p.y, id: p.cell.id, cell: p.cell})),
        backgroundColor: color(i, .55), borderColor: color(i), pointStyle: shapes[i % shapes.length], radius: 4, hoverRadius: 7})),
      ...report.bandwidth.map(([t, gb], i) => ({label: `read roof, ${t} thread${t === 1 ? "" : "s"}: ${num(gb)} GB/s`, type: "line",
        data: [lowest, highest].map(x => ({x, y: x * gb})), borderColor: color(i + 4), backgroundColor: color(i + 4), borderWidth: 2, borderDash: [7, 3 + 2 * i], pointRadius: 0, pointStyle: "line"})),
      ...report.multiply.map(([t, gmac], i) => ({label: `int8 roof, ${t} thread${t === 1 ? "" : "s"}: ${num(2 * gmac)} Gop/s`, type: "line",
        data: [lowest, highest].map(x => ({x, y: 2 * gmac})), borderColor: color(i + 4), backgroundColor: color(i + 4), borderWidth: 2, pointRadius: 0, pointStyle: "line"})),
    ]},
    options: {parsing: false, normalized: true, scales: {x: {...axis("operations per byte read (logarithmic)"), type: "logarithmic", min: lowest, max: highest, ticks: logTicks()},
                       y: {...axis("10\u2079 operations per second"), type: "logarithmic", ticks: logTicks()}},
              plugins: {tooltip: {callbacks: {label(item) {
                const c = item.raw.cell;
                return c ? [c.id, `${speedText(c.speed)} tok/s, ${num(item.parsed.y)} Gop/s, ${num(c.roof.gbPerS)} GB/s` + (c.roof.ratio === null ? "" : `, ${percent(c.roof.ratio)} of the roof`)] : item.dataset.label;
              }}}}}}));
  section("roofline", "Roofline", "Two operations a ternary weight against the bytes a token reads. Slanted lines are read bandwidths measured here. A point on its line is limited by memory; points above it read from the caches, which these roofs are not about." +
    (report.multiply.length ? " Level lines are the int8 multiply-adds measured here, two operations each: a point on its line is limited by arithmetic. A point far below both is limited by its own code." : " A point far below is limited by the code; no roof of the arithmetic was measured."),
    chart.node);
  chart.draw();
}

// ---- encodings -------------------------------------------------------------------------------
function encodings() {
  const models = distinct(cells.map(c => c.model));
  const main = models.includes("") ? "" : models[0];
  const seen = distinct([...report.catalogue.map(e => e.encoding), ...cells.filter(c => c.model === main).map(c => c.encoding)]);
  if (!seen.length) return;
  const all = seen.map(name => {
    const entry = report.catalogue.find(e => e.encoding === name);
    // Controls are measured beside an injected fault, to judge it.
    const mine = cells.filter(c => c.encoding === name && c.model === main && !c.axes.includes("@control="));
    const worst = key => { const v = mine.map(c => c.error[key]).filter(x => x !== null); return v.length ? Math.max(...v) : null; };
    const top = phase => best(mine.filter(c => c.phase === phase && c.status === "ok"));
    const weights = mine.map(c => c.weightsBytes).find(v => v > 0);
    return {name, entry, decode: top("decode"), prefill: top("prefill"), worst: worst("worst"), logits: worst("logits"), rms: worst("rms"),
            tables: entry ? entry.tableBytes : null, bits: entry ? entry.bits : null, weights: weights || null,
            wrong: (entry && entry.knownWrong) || "", any: mine.length};
  });
  const rows = all.filter(r => r.any);
  const absent = all.filter(r => !r.any).map(r => r.name);
  if (!rows.length) return;
  const order = [...rows].sort((a, b) => (b.decode ? b.decode.speed.median : 0) - (a.decode ? a.decode.speed.median : 0));
  const bars = (phase, i) => ({label: phase, data: order.map(r => (r[phase] ? r[phase].speed.median : null)), pointStyle: "rect",
    intervals: order.map(r => (r[phase] ? [r[phase].speed.lo, r[phase].speed.hi] : null)), backgroundColor: color(i, .85)});
  const label = r => `${r.name}, ${r.bits === null ? "?" : r.bits.toFixed(2)} bits` + (r.worst ? `, off by ${errorText(r.worst)}` : "");
  const chart = makeChart("encodings", "Fastest cell of each encoding by phase; the table has the numbers", () => order.some(r => r.decode || r.prefill) ? ({
    type: "bar",
    data: {labels: order.map(label), datasets: [bars("decode", 0), bars("prefill", 5)].filter(d => d.data.some(v => v !== null))},
    options: {indexAxis: "y", scales: {x: {...axis("tok/s of the fastest cell (logarithmic); no bar: wrong or not run"), type: "logarithmic", ticks: logTicks()},
                                       y: {...axis(""), ticks: {color: css("--ink"), autoSkip: false, callback(i) { return cut(this.getLabelForValue(i)); }}}}}}) : null, true);
  section("encodings", "Encodings: error against speed and bytes", `Error is that of the worst matrix product and of the logits against the naive product (0: equal bit for bit; about 141 % of the logits: unrelated). An encoding that is wrong has no speed. Speeds are the fastest cell on ${modelName(main)}.`,
    makeTable("encodings", {rows, label: "encodings", page: 100, rowClass: r => (r.wrong ? "wrong" : ""), columns: [
      {title: "encoding", value: r => r.name, id: true},
      {title: "right", value: r => (r.wrong ? "known wrong" : r.entry && r.entry.exact ? "exact" : r.entry ? "lossy" : "-"),
       show: r => r.wrong ? el("span", {title: r.wrong}, "known wrong") : r.entry ? (r.entry.exact ? "exact" : "lossy") : "-"},
      {title: "worst product", num: true, value: r => r.worst, show: r => errorText(r.worst)},
      {title: "logits", num: true, value: r => r.logits, show: r => errorText(r.logits)},
      {title: "at RMS", optional: true, num: true, value: r => r.rms, show: r => num(r.rms), hint: "root mean square of the worst product's activations"},
      {title: "decode tok/s", num: true, value: r => r.decode ? r.decode.speed.median : null, show: r => r.decode ? speedText(r.decode.speed) : r.wrong ? "wrong" : "-"},
      {title: "by kernel", kind: "breaks narrow", value: r => r.decode ? r.decode.kernel : "", show: r => r.decode ? `${r.decode.kernel}, t=${r.decode.threads}` : "-"},
      {title: "prefill tok/s", optional: true, num: true, value: r => r.prefill ? r.prefill.speed.median : null, show: r => r.prefill ? speedText(r.prefill.speed) : r.wrong ? "wrong" : "-"},
      {title: "bits/weight", num: true, value: r => r.bits, show: r => r.bits === null ? "-" : r.bits.toFixed(2)},
      {title: "weights", optional: true, num: true, value: r => r.weights, show: r => bytes(r.weights)},
      {title: "tables", num: true, value: r => r.tables, show: r => r.entry && r.entry.tableKind === "none" ? "none" : bytes(r.tables)},
      {title: "tables as found", optional: true, num: true, value: r => r.entry ? r.entry.asFound : null, show: r => r.entry && r.entry.asFound !== null ? bytes(r.entry.asFound) : "-", hint: "tables for each row and group, as the engine had them"},
    ]}), absent.length ? el("p", {class: "soft"}, "Not asked for in this run: " + absent.join(", ") + ".") : null, chart.node);
  chart.draw();
}

// ---- error by RMS ----------------------------------------------------------------------------
function encodingErrors() {
  if (!report.encodingErrors.length) return;
  const rms = distinct(report.encodingErrors.map(e => e.rms)).sort((a, b) => a - b);
  const groups = [...by(report.encodingErrors, e => e.encoding)];
  const at = (list, x) => list.find(e => e.rms === x);
  const lines = key => groups.map(([, list]) => rms.map(x => { const e = at(list, x); return e && e[key] > 0 ? 100 * e[key] : null; }));
  const measured = lines("error");
  const formula = lines("expected");
  const chart = makeChart("errors", "Relative error of each encoding by the activations' RMS, and by its formula; the table has the numbers", () => ({
    type: "line",
    data: {labels: rms, datasets: [
      ...groups.map(([name], i) => ({label: name, data: measured[i], borderColor: color(i), backgroundColor: color(i), pointRadius: 5, showLine: false})),
      ...groups.map(([name], i) => ({label: `${name}, by its formula`, data: formula[i], borderColor: color(i), backgroundColor: color(i), pointRadius: 0, borderWidth: 1.5, borderDash: [6, 4], pointStyle: "line", spanGaps: true}))
        .filter(d => d.data.some(v => v !== null))]},
    options: {scales: {x: axis("RMS of the activations"), y: {...axis("relative error, % (logarithmic)"), type: "logarithmic", ticks: logTicks()}}}}));
  section("errors", "Error by the activations' RMS", "Random ternary weights times normal activations of each RMS, against the naive product. Dots are measured, dashed lines are the encoding's formula; an exact encoding has no error and so no dot.",
    chart.node, makeTable("errors", {rows: report.encodingErrors, label: "errors by RMS", columns: [
      {title: "encoding", value: e => e.encoding, id: true}, {title: "kernel", value: e => e.kernel, id: true},
      {title: "RMS", num: true, value: e => e.rms, show: e => String(e.rms)},
      {title: "RMS drawn", num: true, value: e => e.actual},
      {title: "error", num: true, value: e => e.error, show: e => errorText(e.error)},
      {title: "by the formula", optional: true, num: true, value: e => e.expected, show: e => errorText(e.expected)},
    ]}));
  chart.draw();
}

// ---- samples ---------------------------------------------------------------------------------
const MOST_POINTS = 3000;
function samples() {
  const groups = by(cells.filter(c => c.speed && c.samples.length > 1), c => `${c.phase} on ${modelName(c.model)}`);
  if (!groups.size) return;
  const names = [...groups.keys()];
  let chosen = names[0];
  const note = el("p", {class: "soft"});
  const chart = makeChart("samples", "Speed of each sample against its cell's median, in the order they were taken", () => {
    const list = groups.get(chosen);
    const all = list.flatMap(c => c.samples.map(s => ({cell: c, s, y: 100 * (s.rate / c.speed.median - 1)})));
    const most = Math.max(1, ...all.map(p => p.s.order)) + 1;
    const step = Math.max(1, Math.ceil(all.length / MOST_POINTS));
    const points = all.filter((_, i) => i % step === 0).map(p => ({x: p.s.round + p.s.order / most, y: p.y, cell: p.cell, rate: p.s.rate, why: p.s.disturbed}));
    const disturbed = points.filter(p => p.why);
    // Drift: the geometric mean over windows of the run. (The median of a window is 0 nearly
    // always: with few rounds every third sample is its cell's median.)
    const windows = [...by(all, p => Math.floor((p.s.round + p.s.order / most) * 8))].map(([w, of]) => ({
      x: (w + 0.5) / 8, y: 100 * (Math.exp(of.reduce((sum, p) => sum + Math.log(p.s.rate / p.cell.speed.median), 0) / of.length) - 1)}))
      .sort((a, b) => a.x - b.x);
    const spread = median(all.map(p => Math.abs(p.y)));
    note.textContent = `${all.length} samples${step > 1 ? `, every ${step}th drawn` : ""}; half of them lie within \u00b1${spread.toFixed(1)} % of their cell's median.`;
    return {type: "scatter", data: {datasets: [
      {label: "a sample", data: points.filter(p => !p.why), backgroundColor: color(0, .35), borderColor: color(0, .6), radius: 2.5},
      ...(disturbed.length ? [{label: "disturbed", data: disturbed, backgroundColor: color(3, .5), borderColor: color(3), pointStyle: "triangle", radius: 4}] : []),
      {label: "mean of an eighth of a round", type: "line", data: windows,
       borderColor: color(1), backgroundColor: color(1), borderWidth: 3, pointRadius: 0, pointStyle: "line"}]},
      options: {scales: {x: axis("round"), y: axis("% from the cell's median")},
                plugins: {tooltip: {callbacks: {label: item => item.raw.cell ? `${item.raw.cell.id}: ${num(item.raw.rate)} tok/s, ${item.parsed.y.toFixed(1)} %${item.raw.why ? ", disturbed: " + item.raw.why : ""}` : `mean: ${item.parsed.y.toFixed(1)} %`}}}}};
  });
  section("samples", "Samples over time", "Every timed sample against its own cell's median. A quiet machine gives a narrow band around 0; where the line leaves 0, something else slowed or sped up everything that ran then.",
    names.length > 1 ? el("div", {class: "controls noprint"}, select("cells of", names.map(n => ({value: n, text: n})), v => { chosen = v; chart.draw(); }, chosen)) : null,
    chart.node, note);
  chart.draw();
}
