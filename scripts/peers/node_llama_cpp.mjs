// One measurement of the prebuilt llama.cpp in the npm package node-llama-cpp, as JSON on stdout:
//   node node_llama_cpp.mjs PACKAGE_DIR MODEL THREADS PROMPT GENERATE
// Prefill: PROMPT tokens in one evaluation, logits of the last. Decode: GENERATE tokens one by one
// from an empty cache, logits of each. One untimed round of both comes first.
import path from "node:path";
import {pathToFileURL} from "node:url";

const [, , packageDir, model, threadsText, promptText, generateText] = process.argv;
const threads = Number(threadsText), prompt = Number(promptText), generate = Number(generateText);
const {getLlama} = await import(
    pathToFileURL(path.join(packageDir, "node_modules/node-llama-cpp/dist/index.js")).href);

const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: "error"});
const loaded = await llama.loadModel({modelPath: model, gpuLayers: 0});
const metadata = loaded.fileInfo.metadata;
const vocabulary = Number(metadata[metadata.general.architecture].vocab_size);
const context = await loaded.createContext(
    {contextSize: Math.max(prompt, generate) + 16, batchSize: 512, threads});
const sequence = context.getSequence();
const withLogits = {generateNext: {token: true, options: {temperature: 0}}};
const token = i => (17 + i * 7919) % vocabulary;

async function timed(run, tokens) {
  await sequence.clearHistory();
  const start = performance.now();
  await run(tokens);
  return tokens * 1e3 / (performance.now() - start);
}
async function prefill(tokens) {
  const input = Array.from({length: tokens}, (_, i) => token(i));
  input[tokens - 1] = [input[tokens - 1], withLogits];
  await sequence.controlledEvaluate(input);
}
async function decode(tokens) {
  for (let i = 0; i < tokens; ++i) await sequence.controlledEvaluate([[token(i), withLogits]]);
}

await timed(prefill, Math.min(32, prompt));
await timed(decode, 4);
console.log(JSON.stringify({
  prefill_tok_per_s: await timed(prefill, prompt),
  decode_tok_per_s: await timed(decode, generate),
}));
process.exit(0);
