// The page: served by `zscape explore`, or one file with all inside.

import { Explorer } from "./app";
import { fetched, inlined } from "./assets";
import { readPayload } from "./payload";

declare global {
  interface Window {
    /** To look at from the console. */
    zscape?: Explorer;
  }
}

async function main(): Promise<void> {
  const host = document.getElementById("zscape")!;
  const load = document.getElementById("zscape-payload") ? inlined : fetched;
  try {
    const wasm = load("ort.wasm");
    wasm.catch(() => undefined); // it is waited for below, and may fail before that
    const payload = readPayload(await load("payload"));
    document.title = `${payload.meta.name} \u00b7 zscape explorer`;
    const explorer = new Explorer(host, payload, { alone: true });
    window.zscape = explorer;
    document.getElementById("zscape-loading")?.remove();
    await wasm.then(
      (bytes) => explorer.start(bytes),
      (error: Error) => explorer.fail(`The model could not be loaded: ${error.message}.`),
    );
  } catch (error) {
    const line = document.getElementById("zscape-loading")!;
    line.setAttribute("role", "alert");
    line.textContent = `The explorer could not start: ${(error as Error).message}.`;
  }
}

void main();
