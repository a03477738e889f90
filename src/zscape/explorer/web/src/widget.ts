// The explorer in a notebook, as a front end of `zscape.Explorer` (anywidget).

import { Explorer } from "./app";
import { unzipped } from "./assets";
import { readPayload } from "./payload";

interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(name: string, callback: (...values: never[]) => void): void;
  off(name: string, callback: (...values: never[]) => void): void;
}

const PAUSE = 50; // milliseconds between two codes sent to Python

function render({ model, el: element }: { model: Model; el: HTMLElement }): () => void {
  const host = document.createElement("div");
  host.dataset["lmSuppressShortcuts"] = "true"; // Jupyter has other uses for the same keys
  element.append(host);
  host.textContent = "The explorer is loading \u2026";
  let explorer: Explorer | null = null;
  let timer = 0;

  const sendCode = (code: Float32Array): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      model.set("code", Array.from(code));
      model.save_changes();
    }, PAUSE);
  };
  const takeCode = (): void => {
    const code = Float32Array.from(model.get("code") as number[]);
    if (explorer && code.some((value, i) => value !== explorer!.code[i])) explorer.setCode(code);
  };
  // The bytes come as a message: as traits they would be saved into the notebook.
  const begin = async (_: never, buffers: DataView<ArrayBuffer>[]): Promise<void> => {
    if (explorer) return;
    const [payload, wasm] = buffers;
    const bytes = payload.buffer.slice(
      payload.byteOffset, payload.byteOffset + payload.byteLength,
    );
    try {
      host.textContent = "";
      explorer = new Explorer(host, readPayload(bytes), { alone: false, onCode: sendCode });
      takeCode();
      await explorer.start(await unzipped(wasm));
    } catch (error) {
      host.textContent = `The explorer could not start: ${(error as Error).message}.`;
    }
  };
  model.on("msg:custom", begin);
  model.on("change:code", takeCode);
  model.send("begin");
  return () => {
    window.clearTimeout(timer);
    model.off("msg:custom", begin);
    model.off("change:code", takeCode);
  };
}

export default { render };
