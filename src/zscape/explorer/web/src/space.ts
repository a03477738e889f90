// The latent space in numbers: positions on the map, directions, paths, draws. No page.

import type { Payload } from "./data/payload";

export type Code = Float32Array;

export interface Point {
  x: number;
  y: number;
}

/** Return `count` numbers of `matrix` (rows, d) times a code (d,). */
function project(matrix: Float32Array, code: ArrayLike<number>, centre: Float32Array): number[] {
  const d = code.length;
  const result: number[] = [];
  for (let row = 0; row * d < matrix.length; row++) {
    let sum = 0;
    for (let i = 0; i < d; i++) sum += matrix[row * d + i] * (code[i] - centre[i]);
    result.push(sum);
  }
  return result;
}

/** Where codes lie on the map, and which code a place on the map stands for. */
export class Space {
  readonly dim: number;

  constructor(private readonly payload: Payload) {
    this.dim = payload.meta.latentDim;
  }

  /** Return the place of a code on the map. */
  place(code: ArrayLike<number>): Point {
    const [x, y] = project(this.payload.mapAxes, code, this.payload.mapCentre);
    return { x, y };
  }

  /** Return `code` moved within the plane of the map until it lies at a place. */
  movedTo(code: Code, place: Point): Code {
    const now = this.place(code);
    const step = [place.x - now.x, place.y - now.y];
    const { mapAxes } = this.payload;
    return code.map((value, i) => value + step[0] * mapAxes[i] + step[1] * mapAxes[this.dim + i]);
  }

  /** Return the coordinates of a code along the principal directions. */
  along(code: Code): number[] {
    return project(this.payload.directions, code, this.payload.mean);
  }

  /** Return `code` moved along principal direction `k` until its coordinate is `value`. */
  movedAlong(code: Code, k: number, value: number): Code {
    const step = value - this.along(code)[k];
    const offset = k * this.dim;
    return code.map((old, i) => old + step * this.payload.directions[offset + i]);
  }

  /** Return the code of image `index`. */
  code(index: number): Code {
    return this.payload.codes.slice(index * this.dim, (index + 1) * this.dim);
  }

  /** Return the places of all images, x and y in turn. */
  places(): Float32Array {
    const n = this.payload.meta.nImages;
    const places = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      const { x, y } = this.place(this.payload.codes.subarray(i * this.dim, (i + 1) * this.dim));
      places[2 * i] = x;
      // Codes of one number have no second: their points are spread out to be seen.
      places[2 * i + 1] = this.dim > 1 ? y : spread(i);
    }
    return places;
  }

  /** Draw a code from the fitted density. */
  draw(random: () => number = Math.random): Code {
    const { densityMeans, densityFactors, meta } = this.payload;
    const d = this.dim;
    let left = random();
    let component = meta.densityWeights.length - 1;
    for (let i = 0; i < meta.densityWeights.length; i++) {
      left -= meta.densityWeights[i];
      if (left <= 0) {
        component = i;
        break;
      }
    }
    const noise = Array.from({ length: d }, () => normal(random));
    return Float32Array.from({ length: d }, (_, i) => {
      let sum = densityMeans[component * d + i];
      // The factor is a lower triangle.
      for (let j = 0; j <= i; j++) sum += densityFactors[(component * d + i) * d + j] * noise[j];
      return sum;
    });
  }
}

/** Return a fixed number in (-1, 1) for an index, spread evenly. */
function spread(index: number): number {
  return 2 * ((index * 0.6180339887498949) % 1) - 1;
}

/** Return a standard normal number (Box and Muller). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Return a generator of numbers in [0, 1) that always gives the same ones for a seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // The finaliser of MurmurHash3 over a Weyl sequence.
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** Return the code a share `t` of the way from one code to another. */
export function between(from: Code, to: Code, t: number): Code {
  return from.map((value, i) => value + t * (to[i] - value));
}

/** Return the mean squared error of two images of equal length. */
export function meanSquaredError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum / a.length;
}

/** Return the central interval of values that leaves out a share `tail` at each end. */
export function quantiles(values: ArrayLike<number>, tail: number): [number, number] {
  const sorted = Float32Array.from(values).sort();
  const last = sorted.length - 1;
  return [sorted[Math.round(tail * last)], sorted[Math.round((1 - tail) * last)]];
}

/** Read a code from the end of a link, `#code=0.5,-1`; null when there is none that fits. */
export function codeOfLink(hash: string, dim: number): Code | null {
  const text = new URLSearchParams(hash.replace(/^#/, "")).get("code");
  if (!text) return null;
  const values = text.split(",").map(Number);
  return values.length === dim && values.every(Number.isFinite) ? Float32Array.from(values) : null;
}

/** Return the end of a link that leads to a code. */
export function linkOfCode(code: Code): string {
  return `#code=${Array.from(code, (value) => +value.toPrecision(6)).join(",")}`;
}
