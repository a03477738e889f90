// A safetensors file: the length of a header in 8 bytes, the header in JSON, the numbers.

import * as v from "valibot";

export interface Tensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array<ArrayBuffer>;
}

const Size = v.pipe(v.number(), v.integer(), v.minValue(0));
const Header = v.objectWithRest(
  { __metadata__: v.optional(v.record(v.string(), v.string()), {}) },
  v.object({ dtype: v.string(), shape: v.array(Size), data_offsets: v.strictTuple([Size, Size]) }),
);

const START = 8;
const DAMAGED = "the data of the run are damaged or of another version of zscape";
const CUT_OFF = "the data of the run are cut off";

/** Split a file into its metadata and its tensors; throws an Error when it is no whole one. */
export function readSafetensors(file: ArrayBuffer): {
  metadata: Record<string, string>;
  tensors: Map<string, Tensor>;
} {
  if (file.byteLength <= START || new Uint8Array(file)[START] !== "{".charCodeAt(0)) {
    throw new Error(DAMAGED);
  }
  const length = Number(new DataView(file).getBigUint64(0, true));
  if (length > file.byteLength - START) throw new Error(CUT_OFF);
  const { __metadata__: metadata, ...entries } = parsed(new Uint8Array(file, START, length));
  const room = file.byteLength - START - length;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const [from, to] = data_offsets;
    if (to < from) throw new Error(DAMAGED);
    if (to > room) throw new Error(CUT_OFF);
    const bytes = new Uint8Array(file, START + length + from, to - from);
    tensors.set(name, { dtype, shape, bytes });
  }
  return { metadata, tensors };
}

function parsed(bytes: Uint8Array): v.InferOutput<typeof Header> {
  try {
    return v.parse(Header, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    throw new Error(DAMAGED);
  }
}
