// Charts: one helper around Chart.js, with intervals and the page's colours.
const charts = {};
let waiting = [];     // charts that were not drawn yet; null once all were
const builders = [];  // charts are made again when colours change

// Okabe and Ito's colours, which colour-blind people tell apart; both themes.
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#7a4fb5", "#5b6670"];
// Kept until the theme changes: reading a style makes the browser lay the page out again.
let styles = new Map();
function css(name) {
  if (!styles.has(name)) styles.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return styles.get(name);
}
const isDark = () => document.documentElement.dataset.theme === "dark" ||
  (document.documentElement.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
function color(i, alpha) {
  const hex = PALETTE[i % PALETTE.length];
  let rgb = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  if (isDark()) rgb = rgb.map(v => Math.round(v + (255 - v) * 0.38));
  return `rgba(${rgb.join(",")},${alpha === undefined ? 1 : alpha})`;
}

// dataset.intervals[i] = [lo, hi] of point i along the value axis.
const intervals = {
  id: "intervals",
  afterDatasetsDraw(chart) {
    const flat = chart.options.indexAxis === "y";
    const ctx = chart.ctx;
    chart.data.datasets.forEach((d, at) => {
      if (!d.intervals || !chart.isDatasetVisible(at)) return;
      const meta = chart.getDatasetMeta(at);
      const scale = flat ? chart.scales.x : chart.scales.y;
      ctx.save();
      ctx.strokeStyle = d.intervalColor || css("--ink");
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      meta.data.forEach((point, i) => {
        const ci = d.intervals[i];
        if (!ci || point.skip) return;
        const a = scale.getPixelForValue(Math.max(ci[0], scale.min));
        const b = scale.getPixelForValue(Math.min(ci[1], scale.max));
        const cap = 4;
        if (flat) {
          ctx.moveTo(a, point.y); ctx.lineTo(b, point.y);
          for (const x of [a, b]) { ctx.moveTo(x, point.y - cap); ctx.lineTo(x, point.y + cap); }
        } else {
          ctx.moveTo(point.x, a); ctx.lineTo(point.x, b);
          for (const y of [a, b]) { ctx.moveTo(point.x - cap, y); ctx.lineTo(point.x + cap, y); }
        }
      });
      ctx.stroke();
      ctx.restore();
    });
  },
};

function axis(title, more) {
  return {title: {display: true, text: title, color: css("--soft")}, ticks: {color: css("--soft")},
          grid: {color: css("--grid")}, ...more};
}
// Few round numbers on a logarithmic axis; all of a decade's where there is hardly one.
const logTicks = () => ({color: css("--soft"), maxRotation: 0, autoSkip: true,
  callback(value) {
    const lead = value / Math.pow(10, Math.floor(Math.log10(value) + 1e-9));
    const wanted = this.max / this.min < 12 ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 5];
    return wanted.some(d => Math.abs(lead - d) < 1e-6) ? String(+value.toPrecision(3)) : "";
  }});

// `build` gives Chart.js' configuration, or null where there is nothing to draw.
function makeChart(name, label, build, tall) {
  const canvas = el("canvas", {id: "chart-" + name, role: "img", "aria-label": label});
  const box = el("div", {class: "chart" + (tall ? " tall" : "")}, canvas);
  function draw() {
    if (charts[name]) charts[name].destroy();
    delete charts[name];
    const config = build();
    box.hidden = config === null;
    if (config === null) return;
    const o = config.options = config.options || {};
    o.animation = false;
    o.responsive = true;
    o.maintainAspectRatio = false;
    o.plugins = o.plugins || {};
    o.plugins.legend = {position: "bottom", ...o.plugins.legend,
                        labels: {color: css("--ink"), usePointStyle: true, boxWidth: 10, ...(o.plugins.legend || {}).labels}};
    config.plugins = [intervals];
    charts[name] = new Chart(canvas, config);
  }
  builders.push(draw);
  // Drawn after the section is in the document, where it has a size; the first time after the page
  // has been shown, one by one, so that it can be read and scrolled meanwhile.
  return {node: box, draw: () => (waiting ? waiting.push(draw) : draw())};
}
