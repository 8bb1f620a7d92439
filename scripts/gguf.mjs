// Reads a GGUF file's table of contents and writes it back with other tensor types: what the
// agreement program needs to make models that are wrong in one respect, or not quantized.
import fs from "node:fs";

const F32 = 0, TQ1 = 34, TQ2 = 35;
const BLOCK = {[TQ1]: 54, [TQ2]: 66};  // bytes of 256 weights
const ALIGN = 32;

export function readGguf(path) {
  const data = fs.readFileSync(path);
  let at = 4;
  const u32 = () => (at += 4, data.readUInt32LE(at - 4));
  const u64 = () => (at += 8, Number(data.readBigUInt64LE(at - 8)));
  const string = () => { const n = u64(); at += n; return data.toString("utf8", at - n, at); };
  const scalarBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
  u32();
  const tensorCount = u64(), keyCount = u64();
  const keysBegin = at;
  const floats = {};  // where an f32 value lies in the file
  for (let i = 0; i < keyCount; ++i) {
    const key = string(), type = u32();
    if (type === 6) floats[key] = at;
    if (type === 8) string();
    else if (type === 9) {
      const element = u32(), count = u64();
      if (element === 8) for (let j = 0; j < count; ++j) string();
      else at += count * scalarBytes[element];
    } else at += scalarBytes[type];
  }
  const keysEnd = at;
  const tensors = [];
  for (let i = 0; i < tensorCount; ++i) {
    const name = string(), rank = u32(), dims = [];
    for (let d = 0; d < rank; ++d) dims.push(u64());
    tensors.push({name, dims, type: u32(), offset: u64()});
  }
  const begin = Math.ceil(at / ALIGN) * ALIGN;
  for (const t of tensors) t.offset += begin;
  return {path, data, tensors, floats, keyCount, keys: data.subarray(keysBegin, keysEnd)};
}

export const tensorOf = (file, name) => {
  const found = file.tensors.find((t) => t.name === name);
  if (!found) throw new Error(`${file.path} has no tensor ${name}`);
  return found;
};
const elements = (t) => t.dims.reduce((a, b) => a * b, 1);
export const rowBytes = (t) => t.type === F32 ? 4 * t.dims[0] : t.dims[0] / 256 * BLOCK[t.type];
export const bytesOf = (file, t) =>
  file.data.subarray(t.offset, t.offset + elements(t) / t.dims[0] * rowBytes(t));

export function halfToFloat(h) {
  const sign = h & 0x8000 ? -1 : 1, exponent = h >> 10 & 31, fraction = h & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// The scales of all blocks of a tensor, as views of two bytes.
export function* blockScales(file, t) {
  const bytes = bytesOf(file, t), step = BLOCK[t.type];
  for (let at = step - 2; at < bytes.length; at += step) yield bytes.subarray(at, at + 2);
}

// Every ternary matrix in f32, so that whoever multiplies it does not quantize activations.
export function writeUnquantized(file, path) {
  const outputs = file.tensors.map((t) => {
    if (t.type === TQ2) return {...t, type: F32, bytes: tq2ToFloats(bytesOf(file, t), elements(t))};
    const end = Math.min(...file.tensors.map((o) => o.offset).filter((o) => o > t.offset),
                         file.data.length);
    return {...t, bytes: file.data.subarray(t.offset, end)};
  });
  const parts = [Buffer.from("GGUF"), u32(3), u64(outputs.length), u64(file.keyCount), file.keys];
  let offset = 0;
  for (const t of outputs) {
    const name = Buffer.from(t.name);
    parts.push(u64(name.length), name, u32(t.dims.length), ...t.dims.map(u64), u32(t.type), u64(offset));
    offset += Math.ceil(t.bytes.length / ALIGN) * ALIGN;
  }
  const pad = (n) => Buffer.alloc((ALIGN - n % ALIGN) % ALIGN);
  const head = Buffer.concat(parts);
  const out = fs.openSync(path, "w");
  for (const bytes of [head, ...outputs.map((t) => t.bytes)]) {
    fs.writeSync(out, bytes);
    fs.writeSync(out, pad(bytes.length));
  }
  fs.closeSync(out);
}

const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };

function tq2ToFloats(bytes, count) {
  const floats = new Float32Array(count);
  for (let block = 0; block < count / 256; ++block) {
    const at = block * BLOCK[TQ2], d = halfToFloat(bytes.readUInt16LE(at + 64));
    for (let half = 0; half < 2; ++half) {
      for (let j = 0; j < 32; ++j) {
        const byte = bytes[at + 32 * half + j];
        for (let n = 0; n < 4; ++n) {
          floats[block * 256 + half * 128 + 32 * n + j] = ((byte >> 2 * n & 3) - 1) * d;
        }
      }
    }
  }
  return Buffer.from(floats.buffer);
}
