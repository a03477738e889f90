// The payload that the Python side packs: see `zscape/explorer/engine.py`.

export interface Slider {
  low: number;
  high: number;
  /** Share of the variance, in [0, 1]. */
  share: number;
}

export interface Meta {
  name: string;
  preset: string;
  bottleneck: string;
  source: string;
  imageShape: [number, number, number];
  latentDim: number;
  nImages: number;
  labels: number[] | null;
  classes: number[] | null;
  /** How bright the borders of the images are, in [0, 1]. */
  border: number;
  palettes: { light: string[]; dark: string[] };
  variables: Slider[];
  directions: Slider[];
  mapAxisNames: [string, string];
  densityWeights: number[];
}

export interface Payload {
  meta: Meta;
  /** (n, d) */
  codes: Float32Array;
  /** (n, H, W, C) */
  images: Uint8Array;
  /** (n,): place in the palette. */
  colorIndex: Uint8Array;
  encoder: Uint8Array;
  decoder: Uint8Array;
  /** (d,) */
  mean: Float32Array;
  /** (k, d), unit rows. */
  directions: Float32Array;
  /** (2, d) */
  mapAxes: Float32Array;
  /** (d,) */
  mapCentre: Float32Array;
  /** (m, d) */
  densityMeans: Float32Array;
  /** (m, d, d) */
  densityFactors: Float32Array;
}

interface Blob {
  type: "uint8" | "float32";
  shape: number[];
  offset: number;
}

const MAGIC = [0x7a, 0x73, 0x63, 0x61, 0x70, 0x65, 0x00, 0x01]; // zscape, version 1

/** Read a payload; throws an Error that says so when the bytes are none. */
export function readPayload(bytes: ArrayBuffer): Payload {
  const start = MAGIC.length + 4;
  const head = new Uint8Array(bytes, 0, Math.min(start, bytes.byteLength));
  if (head.length < start || MAGIC.some((value, i) => head[i] !== value)) {
    throw new Error("the data of the run are damaged or of another version of zscape");
  }
  const length = new DataView(bytes).getUint32(MAGIC.length, true);
  let header: { meta: Meta; blobs: Record<string, Blob> };
  try {
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, start, length)));
  } catch {
    throw new Error("the data of the run are cut off");
  }
  const arrays: Record<string, Float32Array | Uint8Array> = {};
  for (const [name, blob] of Object.entries(header.blobs)) {
    const count = blob.shape.reduce((product, size) => product * size, 1);
    const offset = start + length + blob.offset;
    const Kind = blob.type === "uint8" ? Uint8Array : Float32Array;
    if (offset + count * Kind.BYTES_PER_ELEMENT > bytes.byteLength) {
      throw new Error("the data of the run are cut off");
    }
    arrays[name] = new Kind(bytes, offset, count);
  }
  return { meta: header.meta, ...arrays } as unknown as Payload;
}
