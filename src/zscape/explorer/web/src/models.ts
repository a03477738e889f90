// Encoder and decoder in the browser: ONNX Runtime on one thread.

import * as ort from "onnxruntime-web/wasm";
import type { Payload } from "./payload";
import type { Shape } from "./pixels";

export class Models {
  private constructor(
    private readonly encoder: ort.InferenceSession,
    private readonly decoder: ort.InferenceSession,
    private readonly shape: Shape,
    private readonly dim: number,
  ) {}

  /** Start both models; throws an Error when the browser or a model is at fault. */
  static async load(payload: Payload, wasm: ArrayBuffer): Promise<Models> {
    if (typeof WebAssembly === "undefined") {
      throw new Error("this browser has no WebAssembly, or it is switched off");
    }
    ort.env.wasm.wasmBinary = wasm;
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    };
    // One after the other: both start the same runtime. The decoder is what people wait for.
    const decoder = await ort.InferenceSession.create(payload.decoder, options);
    const encoder = await ort.InferenceSession.create(payload.encoder, options);
    const { imageShape, latentDim } = payload.meta;
    return new Models(encoder, decoder, imageShape, latentDim);
  }

  /** Return images (n, H, W, C) in [0, 1] of codes (n, d). */
  decode(codes: Float32Array): Promise<Float32Array> {
    return run(this.decoder, codes, [codes.length / this.dim, this.dim]);
  }

  /** Return codes (n, d) of images (n, H, W, C) in [0, 1]. */
  encode(images: Float32Array): Promise<Float32Array> {
    const n = images.length / (this.shape[0] * this.shape[1] * this.shape[2]);
    return run(this.encoder, images, [n, ...this.shape]);
  }
}

async function run(
  session: ort.InferenceSession,
  values: Float32Array,
  dims: number[],
): Promise<Float32Array> {
  const input = new ort.Tensor("float32", values, dims);
  const results = await session.run({ [session.inputNames[0]]: input });
  return results[session.outputNames[0]].data as Float32Array;
}
