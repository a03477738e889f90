// The page: served by `zscape explore`, or one file with all inside.

import { fetched, inlined } from "./data/assets";
import { readPayload } from "./data/payload";
import { Explorer } from "./explorer";
import { reason } from "./text";

declare global {
  interface Window {
    /** To look at from the console. */
    zscape?: Explorer;
  }
}

/** Show the explorer in `host`; throws an Error when there is nothing to show. */
async function main(host: HTMLElement, loading: HTMLElement): Promise<void> {
  const load = document.getElementById("zscape-payload") ? inlined : fetched;
  const wasm = load("ort.wasm");
  wasm.catch(() => undefined); // it is waited for below, and may fail before that
  const payload = readPayload(await load("payload"));
  document.title = `${payload.meta.name} \u00b7 zscape explorer`;
  const explorer = new Explorer(host, payload, { alone: true });
  window.zscape = explorer;
  loading.remove();
  try {
    await explorer.start(await wasm);
  } catch (error) {
    explorer.fail(`The model could not be loaded: ${reason(error)}.`);
  }
}

const host = document.getElementById("zscape");
const loading = document.getElementById("zscape-loading");
if (host && loading) {
  main(host, loading).catch((error: unknown) => {
    host.remove();
    loading.role = "alert";
    loading.textContent = `The explorer could not start: ${reason(error)}.`;
  });
}
