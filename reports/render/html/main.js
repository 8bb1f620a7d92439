function setTheme(theme) {
  styles = new Map();
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  for (const draw of builders) draw();
}
let remembered = null;
try { remembered = localStorage.getItem("ryz-theme"); } catch (e) { /* a file may have none */ }
if (remembered === "dark" || remembered === "light") document.documentElement.dataset.theme = remembered;

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
header();
answers();
comparisonSection();
verdicts();
ladder();
faults();
scaling();
heat();
roofline();
encodings();
encodingErrors();
samples();
cellTable();
catalogue();
machine();
document.getElementById("nav").append(...sections.map(s => el("a", {href: "#" + s.id}, SHORT[s.id] || s.title)));

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(document.documentElement.dataset.theme));
// Labels are cut to the width, so a phone turned on its side gets longer ones.
let width = innerWidth;
addEventListener("resize", () => {
  if ((width < 640) !== (innerWidth < 640)) for (const draw of builders) draw();
  width = innerWidth;
});
// Paper is white, has no scroll bars and cannot unfold.
let onScreen;
const unfolded = [];
addEventListener("beforeprint", () => {
  onScreen = document.documentElement.dataset.theme;
  setTheme("light");
  for (const d of document.querySelectorAll("details:not([open])")) {
    if (d.fill) d.fill();
    d.open = true;
    unfolded.push(d);
  }
  for (const t of Object.values(tables)) t.print(true);
});
addEventListener("afterprint", () => {
  setTheme(onScreen);
  for (const d of unfolded.splice(0)) d.open = false;
  for (const t of Object.values(tables)) t.print(false);
});
const ready = new Promise(done => {
  function drawSome() {
    for (const began = performance.now(); waiting.length && performance.now() - began < 100;) waiting.shift()();
    if (waiting.length) {
      setTimeout(drawSome);
    } else {
      waiting = null;
      done();
    }
  }
  requestAnimationFrame(() => setTimeout(drawSome));
});
// For tests and for the console.
window.ryz = {ready, report, comparison, cells, curves, charts, tables};
