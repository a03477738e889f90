// A run as the Python side packs it: see `zscape/explorer/engine.py`. All of it is checked here.

import * as v from "valibot";
import { readSafetensors, type Tensor } from "./safetensors";

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));
const LabelSchema = v.union([v.string(), v.number()]);
const Colors = v.pipe(v.array(v.pipe(v.string(), v.hexColor())), v.minLength(1));
const SliderSchema = v.object({
  low: v.number(),
  high: v.number(),
  /** Share of the variance, in [0, 1]. */
  share: v.number(),
});
const MetaSchema = v.object({
  name: v.string(),
  preset: v.string(),
  bottleneck: v.string(),
  source: v.string(),
  imageShape: v.strictTuple([Count, Count, Count]),
  latentDim: Count,
  nImages: Count,
  /** How many there are, of which nImages are on the map. */
  nAvailable: Count,
  /** One for each image: a name, or a number where classes have no names; null for no label. */
  labels: v.nullable(v.array(v.nullable(LabelSchema))),
  /** One for each colour, null that of no label; null where labels are a quantity or too many. */
  classes: v.nullable(v.array(v.nullable(LabelSchema))),
  /** The labels at both ends of the colours, where those are a scale. */
  range: v.nullable(v.strictTuple([LabelSchema, LabelSchema])),
  /** How bright the borders of the images are, in [0, 1]. */
  border: v.number(),
  palettes: v.object({ light: Colors, dark: Colors }),
  variables: v.array(SliderSchema),
  directions: v.array(SliderSchema),
  mapAxisNames: v.strictTuple([v.string(), v.string()]),
  densityWeights: v.pipe(v.array(v.number()), v.minLength(1)),
});

export type Slider = v.InferOutput<typeof SliderSchema>;
export type Meta = v.InferOutput<typeof MetaSchema>;
export type Label = v.InferOutput<typeof LabelSchema>;
type Floats = Float32Array<ArrayBuffer>;
type Bytes = Uint8Array<ArrayBuffer>;

export interface Payload {
  meta: Meta;
  /** (n, d) */
  codes: Floats;
  /** (n, H, W, C) */
  images: Bytes;
  /** (n,): place in the palette. */
  colorIndex: Bytes;
  /** An ONNX file. */
  encoder: Bytes;
  /** An ONNX file. */
  decoder: Bytes;
  /** (d,) */
  mean: Floats;
  /** (k, d), unit rows. */
  directions: Floats;
  /** (2, d) */
  mapAxes: Floats;
  /** (d,) */
  mapCentre: Floats;
  /** (m, d) */
  densityMeans: Floats;
  /** (m, d, d) */
  densityFactors: Floats;
}

/** Read a payload; throws an Error that says so when the bytes are none, or not a whole one. */
export function readPayload(file: ArrayBuffer): Payload {
  const { metadata, tensors } = readSafetensors(file);
  const meta = readMeta(metadata.meta ?? "null");
  const bytes = (name: string, ...shape: number[]): Bytes =>
    checked(tensors.get(name), name, "U8", shape).bytes;
  const floats = (name: string, ...shape: number[]): Floats => {
    const found = checked(tensors.get(name), name, "F32", shape).bytes;
    const { buffer, byteOffset } = found.byteOffset % 4 ? found.slice() : found;
    return new Float32Array(buffer, byteOffset, found.length / 4);
  };
  const { nImages: n, latentDim: d } = meta;
  const m = meta.densityWeights.length;
  const payload = {
    meta,
    codes: floats("codes", n, d),
    images: bytes("images", n, ...meta.imageShape),
    colorIndex: bytes("colorIndex", n),
    encoder: bytes("encoder", ANY),
    decoder: bytes("decoder", ANY),
    mean: floats("mean", d),
    directions: floats("directions", meta.directions.length, d),
    mapAxes: floats("mapAxes", 2, d),
    mapCentre: floats("mapCentre", d),
    densityMeans: floats("densityMeans", m, d),
    densityFactors: floats("densityFactors", m, d, d),
  };
  const highest = payload.colorIndex.reduce((a, b) => Math.max(a, b), 0);
  const colors = meta.palettes.light.length;
  if (highest >= colors) misfit(`colorIndex goes to ${highest} and there are ${colors} colours`);
  return payload;
}

const ANY = -1; // of a shape: as many as there are

function readMeta(text: string): Meta {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    misfit("meta is not JSON");
  }
  const { success, output, issues } = v.safeParse(MetaSchema, values);
  if (!success) {
    const [{ expected, received }] = issues;
    misfit(`${v.getDotPath(issues[0]) ?? "meta"} is ${received}, expected ${expected}`);
  }
  const lengths: [string, number, unknown[] | null][] = [
    ["labels", output.nImages, output.labels],
    ["variables", output.latentDim, output.variables],
    ["palettes.dark", output.palettes.light.length, output.palettes.dark],
    ["classes", output.palettes.light.length, output.classes],
  ];
  for (const [name, length, list] of lengths) {
    if (list && list.length !== length) {
      misfit(`${name} has ${list.length} entries, expected ${length}`);
    }
  }
  return output;
}

function checked(tensor: Tensor | undefined, name: string, dtype: string, shape: number[]): Tensor {
  if (!tensor) misfit(`${name} is missing`);
  if (tensor.dtype !== dtype) misfit(`${name} has type ${tensor.dtype}, expected ${dtype}`);
  const found = tensor.shape;
  if (found.length !== shape.length || shape.some((size, i) => size !== ANY && size !== found[i])) {
    misfit(`${name} has shape (${found}), expected (${shape.map((s) => (s === ANY ? "any" : s))})`);
  }
  const n = found.reduce((product, size) => product * size, dtype === "F32" ? 4 : 1);
  if (tensor.bytes.length !== n) misfit(`${name} has ${tensor.bytes.length} bytes, expected ${n}`);
  return tensor;
}

function misfit(what: string): never {
  throw new Error(`the data of the run do not fit this page: ${what}`);
}
