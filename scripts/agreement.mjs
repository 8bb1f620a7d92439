// See scripts/agreement. The same file, the same prompts, the logits of the whole vocabulary after
// the last token, and a greedy continuation, by both programs.
//
// Both quantize activations to int8, but not alike: ryz-lab with one scale a token, as BitNet is
// defined, llama.cpp with one for each 256 values. So logits agree up to that noise. How large it
// is, is measured: llama.cpp also runs the same weights in f32, where it quantizes none, and each
// program's distance from that is its own noise (small shapes only: the file is 16 times larger).
//
// What must hold:
//   - each prompt's logits: cosine at least `kCosine` of the shape;
//   - where llama.cpp's best two tokens are further apart than `kGap` times the noise (the median
//     root mean square of the differences), both name the same first token;
//   - where continuations part, llama.cpp finds the two tokens no further apart than that.
// --mutations shows that this can fail: ryz-lab gets a file that is wrong in one respect, llama.cpp
// the right one, and at least one of the above must break for each.
import {execFileSync} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {pathToFileURL} from "node:url";
import {parseArgs} from "node:util";
import {blockScales, bytesOf, readGguf, rowBytes, tensorOf, writeUnquantized} from "./gguf.mjs";

const kCosine = 0.995;
const kGap = 4;
const kTop = 10;

const options = {
  peer: {type: "string"}, binary: {type: "string"}, shape: {type: "string", default: "mini"},
  types: {type: "string", default: "tq2_0,tq1_0"}, prompts: {type: "string", default: "20"},
  longest: {type: "string", default: "200"}, generate: {type: "string", default: "16"},
  seed: {type: "string", default: "42"}, mutations: {type: "boolean", default: false},
};
const o = (() => {
  try {
    return parseArgs({options}).values;
  } catch (error) {
    console.error(`agreement: ${error.message}; scripts/agreement --help lists the options`);
    process.exit(2);
  }
})();
const generate = +o.generate;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "ryz-agreement-"));
process.on("exit", () => fs.rmSync(folder, {recursive: true, force: true}));

const {getLlama} = await import(
  pathToFileURL(path.join(o.peer, "node_modules/node-llama-cpp/dist/index.js")));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});

// ---- the two programs ----------------------------------------------------------------------------
function ours(model, tokens) {
  const out = path.join(folder, "logits.json");
  execFileSync(o.binary, ["eval", "--model", model, "--tokens", tokens.join(","), "--logits", out,
                          "--generate", String(generate)], {stdio: ["ignore", "ignore", "pipe"]});
  const result = JSON.parse(fs.readFileSync(out, "utf8"));
  return {logits: Float64Array.from(result.logits), generated: result.generated ?? []};
}

async function openPeer(file, vocab, threads) {
  const model = await llama.loadModel({modelPath: file, gpuLayers: 0});
  const context = await model.createContext({contextSize: 512, batchSize: 512, threads});
  const sequence = context.getSequence();
  const options = {generateNext: {logits: true}};
  const logitsAfter = async (tokens) => {
    const items = [...tokens.slice(0, -1), [tokens.at(-1), options]];
    const {logits} = (await sequence.controlledEvaluate(items)).at(-1).next;
    const dense = new Float64Array(vocab).fill(NaN);
    for (const [token, value] of logits) dense[token] = value;
    return dense;
  };
  return {
    async run(tokens, count) {
      await sequence.clearHistory();
      const logits = await logitsAfter(tokens);
      const generated = [], after = [];
      for (let next = logits; generated.length < count;) {
        after.push(next);
        generated.push(best(next));
        if (generated.length < count) next = await logitsAfter([generated.at(-1)]);
      }
      return {logits, generated, after};
    },
    async close() { await context.dispose(); await model.dispose(); },
  };
}

// ---- numbers -------------------------------------------------------------------------------------
const best = (x) => x.reduce((top, v, i) => v > x[top] ? i : top, 0);
const top = (x, n) => Array.from(x.keys()).sort((a, b) => x[b] - x[a]).slice(0, n);
const rms = (x) => Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);
const minus = (a, b) => a.map((v, i) => v - b[i]);
const cosine = (a, b) => a.reduce((s, v, i) => s + v * b[i], 0) / (rms(a) * rms(b) * a.length);
const sorted = (x) => [...x].sort((a, b) => a - b);
const median = (x) => sorted(x)[x.length >> 1];
const spread = (x) => `${Math.min(...x).toPrecision(4)} / ${median(x).toPrecision(4)} / ${Math.max(...x).toPrecision(4)}`;

function compare(mine, theirs) {
  const difference = minus(mine.logits, theirs.logits);
  const [first, second] = top(theirs.logits, 2);
  const topMine = top(mine.logits, kTop);
  let same = 0;
  while (same < generate && mine.generated[same] === theirs.generated[same]) ++same;
  const at = theirs.after[same];
  return {
    finite: mine.logits.every(Number.isFinite) && theirs.logits.every(Number.isFinite),
    cosine: cosine(mine.logits, theirs.logits),
    noise: rms(difference),
    relative: rms(difference) / rms(theirs.logits),
    largest: difference.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / rms(theirs.logits),
    overlap: top(theirs.logits, kTop).filter((t) => topMine.includes(t)).length,
    firstAgrees: best(mine.logits) === first,
    gap: theirs.logits[first] - theirs.logits[second],
    same,
    // How far apart llama.cpp finds the tokens where the continuations part.
    partingGap: at ? at[theirs.generated[same]] - at[mine.generated[same]] : 0,
  };
}

// Why these comparisons are no agreement; empty if they are one. `noise` is that of the right file.
function complaints(results, noise) {
  const bad = [];
  results.forEach((r, i) => {
    const say = (why) => bad.push(`prompt ${i + 1}: ${why}`);
    if (!r.finite) say("a logit is not finite");
    if (!(r.cosine >= kCosine)) say(`cosine ${r.cosine.toFixed(5)} is below ${kCosine}`);
    if (!r.firstAgrees && r.gap > kGap * noise) {
      say(`another first token, although the best two are ${(r.gap / noise).toFixed(1)} times the noise apart`);
    }
    if (r.partingGap > kGap * noise) {
      say(`continuations part where tokens are ${(r.partingGap / noise).toFixed(1)} times the noise apart`);
    }
  });
  return bad;
}

function describe(results, noise) {
  const of = (name) => results.map((r) => r[name]);
  const clear = results.filter((r) => r.gap > kGap * noise);
  const agree = (list) => `${list.filter((r) => r.firstAgrees).length} of ${list.length}`;
  console.log(`  cosine               ${spread(of("cosine"))}   (least / median / largest)`);
  console.log(`  error, relative      ${spread(of("relative"))}`);
  console.log(`  largest error / RMS  ${spread(of("largest"))}`);
  console.log(`  top ${kTop} in common     ${spread(of("overlap"))}`);
  console.log(`  first token          ${agree(results)} the same; ${agree(clear)} where the best two are more than ${kGap} x noise apart`);
  console.log(`  continuation         ${spread(of("same"))} of ${generate} tokens the same; parting gap / noise at most ${(Math.max(...of("partingGap")) / noise).toFixed(2)}`);
}

// ---- prompts: uniform random ids, lengths from 1 to the longest -------------------------------------
function makePrompts(vocab) {
  let state = BigInt(o.seed) + 1n;
  const random = (n) => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(state >> 33n) % n;
  };
  const count = +o.prompts;
  return Array.from({length: count}, (_, i) => {
    const length = count === 1 ? +o.longest : Math.round(1 + i * (+o.longest - 1) / (count - 1));
    return Array.from({length}, () => random(vocab));
  });
}

// ---- files that are wrong in one respect -------------------------------------------------------------
function eachLayer(file, suffix, change) {
  for (const t of file.tensors) if (t.name.endsWith(suffix)) change(t, bytesOf(file, t));
}
const kMutations = {
  // Rows of q and k as if neighbours were rotated together instead of halves.
  "rope pairing": (file, headWidth) => {
    for (const name of ["attn_q.weight", "attn_k.weight"]) {
      eachLayer(file, name, (t, bytes) => {
        const row = rowBytes(t), before = Buffer.from(bytes), half = headWidth / 2;
        for (let r = 0; r < t.dims[1]; ++r) {
          const i = r % headWidth, from = r - i + (i < half ? 2 * i : 2 * (i - half) + 1);
          before.copy(bytes, r * row, from * row, (from + 1) * row);
        }
      });
    }
  },
  "rope base 10000": (file) => file.data.writeFloatLE(1e4, file.floats["bitnet.rope.freq_base"]),
  "no attention norm weights": (file) => eachLayer(file, "attn_norm.weight", ones),
  "no attention sub-norm weights": (file) => eachLayer(file, "attn_sub_norm.weight", ones),
  "no feed-forward norm weights": (file) => eachLayer(file, "ffn_norm.weight", ones),
  "no feed-forward sub-norm weights": (file) => eachLayer(file, "ffn_sub_norm.weight", ones),
  "epsilon 0.1": (file) =>
    file.data.writeFloatLE(0.1, file.floats["bitnet.attention.layer_norm_rms_epsilon"]),
  "half the scale of ffn_down": (file) => halve(file, "ffn_down.weight"),
  "half the scale of attn_output": (file) => halve(file, "attn_output.weight"),
  "half the scale of attn_q": (file) => halve(file, "attn_q.weight"),
  "half the scale of ffn_gate": (file) => halve(file, "ffn_gate.weight"),
};
function ones(t, bytes) {
  for (let at = 0; at < bytes.length; at += 4) bytes.writeFloatLE(1, at);
}
function halve(file, suffix) {
  eachLayer(file, suffix, (t) => {
    for (const half of blockScales(file, t)) half.writeUInt16LE(half.readUInt16LE() - 0x0400);
  });
}

// ---- the run -----------------------------------------------------------------------------------------
let failed = false;
function conclude(name, bad) {
  console.log(`  ${bad.length === 0 ? "agreement" : "NO AGREEMENT"}`);
  for (const line of bad) console.log(`    ${line}`);
  if (bad.length > 0) failed = true;
}

for (const type of o.types.split(",")) {
  const model = path.join(folder, `${type}.gguf`);
  execFileSync(o.binary, ["export", "--model", o.shape, "--seed", o.seed, "--type", type,
                          "--out", model], {stdio: ["ignore", "ignore", "pipe"]});
  const info = JSON.parse(execFileSync(
    o.binary, ["info", "--model", model, "--format", "json"], {stdio: ["ignore", "pipe", "ignore"]}));
  const prompts = makePrompts(info.vocab);
  // Threads that wait for each other gain nothing on a small model.
  const threads = info.ternary_weights < 1e8 ? 1 : info.threads;
  console.log(`${o.shape} as ${type}, ${prompts.length} prompts of ${prompts[0].length} to ${prompts.at(-1).length} tokens, seed ${o.seed}`);
  const peer = await openPeer(model, info.vocab, threads);
  const theirs = [];
  for (const p of prompts) theirs.push(await peer.run(p, generate));
  await peer.close();
  const mine = prompts.map((p) => ours(model, p));
  const results = mine.map((m, i) => compare(m, theirs[i]));
  const noise = median(results.map((r) => r.noise));
  describe(results, noise);

  if (type === "tq2_0" && info.ternary_weights < 1e8) {
    const plain = path.join(folder, "f32.gguf");
    writeUnquantized(readGguf(model), plain);
    const reference = await openPeer(plain, info.vocab, threads);
    const error = {mine: [], theirs: []};
    for (let i = 0; i < prompts.length; ++i) {
      const {logits} = await reference.run(prompts[i], 0);
      error.mine.push(rms(minus(mine[i].logits, logits)) / rms(logits));
      error.theirs.push(rms(minus(theirs[i].logits, logits)) / rms(logits));
    }
    await reference.close();
    console.log(`  from unquantized activations: ryz-lab ${spread(error.mine)}, llama.cpp ${spread(error.theirs)}`);
  }
  conclude(type, complaints(results, noise));

  if (o.mutations && type === "tq2_0") {
    const headWidth = info.embd / info.heads;
    for (const [name, mutate] of Object.entries(kMutations)) {
      const file = readGguf(model);
      mutate(file, headWidth);
      const wrong = path.join(folder, "wrong.gguf");
      fs.writeFileSync(wrong, file.data);
      const seen = prompts.map((p, i) => compare(ours(wrong, p), theirs[i]));
      const bad = complaints(seen, noise);
      const cosines = `cosine ${spread(seen.map((r) => r.cosine))}`;
      console.log(`  ${bad.length > 0 ? "found    " : "NOT FOUND"}  ${name.padEnd(34)} ${cosines}, ${bad.length} complaints`);
      if (bad.length === 0) failed = true;
    }
  }
  fs.rmSync(model);
}
await llama.dispose();
process.exit(failed ? 1 : 0);
