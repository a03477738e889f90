// A small payload, and its file as Python writes it.

import type { Payload } from "../src/data/payload";

/** Return a payload of `n` codes of `d` numbers for images of 2x2; codes count up by 0.1. */
export function madePayload(d: number, n: number): Payload {
  const eye = (rows: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: rows * d }, (_, i) => (Math.floor(i / d) === i % d ? 1 : 0));
  const slider = { low: -1, high: 1, share: 1 / d };
  return {
    meta: {
      name: "made",
      preset: "fast",
      bottleneck: "plain",
      source: "made",
      imageShape: [2, 2, 1],
      latentDim: d,
      nImages: n,
      nAvailable: n,
      labels: null,
      classes: null,
      range: null,
      border: 0,
      palettes: { light: ["#1f5a94"], dark: ["#8dbdec"] },
      variables: Array(d).fill(slider),
      directions: Array(d).fill(slider),
      mapAxisNames: ["z1", "z2"],
      densityWeights: [0, 1],
    },
    codes: Float32Array.from({ length: n * d }, (_, i) => i / 10),
    images: new Uint8Array(4 * n),
    colorIndex: new Uint8Array(n),
    encoder: new Uint8Array(),
    decoder: new Uint8Array(),
    mean: new Float32Array(d),
    directions: eye(d),
    mapAxes: eye(2),
    mapCentre: new Float32Array(d),
    densityMeans: Float32Array.from({ length: 2 * d }, (_, i) => (i < d ? 100 : 3)),
    densityFactors: Float32Array.from({ length: 2 * d * d }, (_, i) =>
      Math.floor((i % (d * d)) / d) === i % d ? 0.5 : 0,
    ),
  };
}

/** Tensors of a safetensors file by name, in the order of the file; undefined ones are left out. */
export type Tensors = Record<string, { shape: number[]; values: Tensor } | undefined>;
type Tensor = Float32Array | Float64Array | Uint8Array;

/** Return the tensors of a payload with their shapes. */
export function tensorsOf({ meta, ...arrays }: Payload): Tensors {
  const { nImages: n, latentDim: d } = meta;
  const m = meta.densityWeights.length;
  const shapes: Record<keyof typeof arrays, number[]> = {
    codes: [n, d],
    mean: [d],
    directions: [meta.directions.length, d],
    mapAxes: [2, d],
    mapCentre: [d],
    densityMeans: [m, d],
    densityFactors: [m, d, d],
    images: [n, ...meta.imageShape],
    colorIndex: [n],
    encoder: [arrays.encoder.length],
    decoder: [arrays.decoder.length],
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { shape, values: arrays[name as keyof typeof arrays] },
    ]),
  );
}

/** Return a safetensors file. */
export function packed(meta: unknown, tensors: Tensors): ArrayBuffer {
  const header: Record<string, unknown> = { __metadata__: { meta: JSON.stringify(meta) } };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    if (!tensor) continue;
    const { shape, values } = tensor;
    const dtype = (values instanceof Uint8Array ? "U" : "F") + 8 * values.BYTES_PER_ELEMENT;
    header[name] = { dtype, shape, data_offsets: [offset, offset + values.byteLength] };
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 * Math.ceil(text.length / 8)).fill(0x20);
  padded.set(text);
  const file = new Uint8Array(8 + padded.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded.length), true);
  let at = 8;
  for (const part of [padded, ...parts]) {
    file.set(part, at);
    at += part.length;
  }
  return file.buffer;
}
