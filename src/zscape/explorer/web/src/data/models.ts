// Encoder and decoder in the browser: ONNX Runtime on one thread.

import * as ort from "onnxruntime-web/wasm";
import type { Payload } from "./payload";

interface Sessions {
  encoder: ort.InferenceSession;
  decoder: ort.InferenceSession;
}

export class Models {
  private sessions: Sessions | null = null;

  constructor(private readonly payload: Payload) {}

  /** Whether `encode` and `decode` can be called. */
  get ready(): boolean {
    return this.sessions !== null;
  }

  /** Start both models; throws an Error when the browser or a model is at fault. */
  async start(wasm: ArrayBuffer): Promise<void> {
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
    // One after the other: both start the same runtime.
    const decoder = await ort.InferenceSession.create(this.payload.decoder, options);
    const encoder = await ort.InferenceSession.create(this.payload.encoder, options);
    this.sessions = { encoder, decoder };
  }

  /** Return images (n, H, W, C) in [0, 1] of codes (n, d). */
  decode(codes: Float32Array): Promise<Float32Array> {
    return this.run("decoder", codes, [this.payload.meta.latentDim]);
  }

  /** Return codes (n, d) of images (n, H, W, C) in [0, 1]. */
  encode(images: Float32Array): Promise<Float32Array> {
    return this.run("encoder", images, this.payload.meta.imageShape);
  }

  private async run(
    name: keyof Sessions,
    values: Float32Array,
    shape: number[],
  ): Promise<Float32Array> {
    if (!this.sessions) throw new Error("the model is not loaded");
    const session = this.sessions[name];
    const n = values.length / shape.reduce((product, size) => product * size, 1);
    const input = new ort.Tensor("float32", values, [n, ...shape]);
    const results = await session.run({ [session.inputNames[0]]: input });
    const { data } = results[session.outputNames[0]];
    if (!(data instanceof Float32Array)) throw new Error(`the ${name} gives no float32`);
    return data;
  }
}
