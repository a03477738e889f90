// A small payload, made as Python makes it.

import type { Payload } from "../src/payload";

/** Return a payload of `n` codes of `d` numbers for images of 2x2; codes count up by 0.1. */
export function madePayload(d: number, n: number): Payload {
  const eye = (rows: number): Float32Array =>
    Float32Array.from({ length: rows * d }, (_, i) => (Math.floor(i / d) === i % d ? 1 : 0));
  const slider = { low: -1, high: 1, share: 1 / d };
  return {
    meta: {
      name: "made", preset: "fast", bottleneck: "plain", source: "made", imageShape: [2, 2, 1],
      latentDim: d, nImages: n, labels: null, classes: null, border: 0,
      palettes: { light: ["#1f5a94"], dark: ["#8dbdec"] },
      variables: Array(d).fill(slider), directions: Array(d).fill(slider),
      mapAxisNames: ["z1", "z2"], densityWeights: [0, 1],
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
