// The explorer in a notebook, as a front end of `zscape.Explorer` (anywidget).

import { unzipped } from "./data/assets";
import { readPayload } from "./data/payload";
import { el } from "./dom";
import { Explorer } from "./explorer";
import { reason } from "./text";

type Received = (content: unknown, buffers: DataView<ArrayBuffer>[]) => void;

interface Model {
  get(name: "code"): number[];
  set(name: "code", value: number[]): void;
  save_changes(): void;
  send(content: unknown): void;
  on(name: "msg:custom", callback: Received): void;
  on(name: "change:code", callback: () => void): void;
  off(name: "msg:custom" | "change:code", callback: Received | (() => void)): void;
}

const PAUSE = 50; // milliseconds between two codes sent to Python

function render({ model, el: element }: { model: Model; el: HTMLElement }): () => void {
  const host = el("div", {}, "The explorer is loading \u2026");
  host.dataset.lmSuppressShortcuts = "true"; // Jupyter has other uses for the same keys
  element.append(host);
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
    const code = Float32Array.from(model.get("code"));
    const shown = explorer?.state.code;
    if (shown && code.some((value, i) => value !== shown[i])) explorer?.state.setCode(code);
  };
  // The bytes come as a message: as traits they would be saved into the notebook.
  const begin: Received = async (_, [payload, wasm]) => {
    if (explorer) return;
    const { buffer, byteOffset, byteLength } = payload;
    try {
      const content = readPayload(buffer.slice(byteOffset, byteOffset + byteLength));
      host.textContent = "";
      explorer = new Explorer(host, content, { alone: false, onCode: sendCode });
      takeCode();
      await explorer.start(await unzipped(wasm));
    } catch (error) {
      host.textContent = `The explorer could not start: ${reason(error)}.`;
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
