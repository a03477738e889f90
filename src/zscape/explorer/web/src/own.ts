// One's own image: a file, the clipboard or a drawing; encoded, decoded and compared.

import { el, errorText } from "./dom";
import { Pad } from "./pad";
import type { Payload } from "./payload";
import { borderOf, fromRgba, paint, readPicture } from "./pixels";
import type { Code } from "./space";
import { meanSquaredError, normal, seeded } from "./space";

export interface OwnEvents {
  encode(image: Float32Array): Promise<Code>;
  decode(code: Code): Promise<Float32Array>;
  /** The image has this code, or there is none any more. */
  encoded(code: Code | null): void;
  failed(message: string): void;
  say(message: string): void;
}

export class OwnImage {
  readonly element: HTMLElement;
  private readonly pad: Pad | null;
  private readonly before = el("canvas", { className: "thumb" });
  private readonly after = el("canvas", { className: "thumb" });
  private readonly error = el("p", { className: "error-figure", role: "status" });
  private readonly results: HTMLElement;
  private readonly invert: HTMLInputElement;
  private readonly noise: HTMLInputElement;
  private readonly noiseText = el("span", { className: "value", "aria-hidden": "true" }, "0");
  private readonly file: HTMLInputElement;
  private rgba: ArrayLike<number> | null = null;
  private busy = false;
  private waiting = false;

  constructor(
    private readonly payload: Payload,
    private readonly events: OwnEvents,
  ) {
    const shape = payload.meta.imageShape;
    const dark = payload.meta.border < 0.5;
    const takes = [1, 3, 4].includes(shape[2]);
    this.pad = takes
      ? new Pad(shape, dark ? "#000000" : "#ffffff", dark ? "#ffffff" : "#000000", () => {
          this.invert.checked = false;
          this.rgba = this.pad!.pixels();
          void this.refresh();
        })
      : null;
    this.invert = el("input", { type: "checkbox", onchange: () => void this.refresh() });
    this.noise = el("input", {
      type: "range", min: "0", max: "1", step: "0.01", value: "0", "aria-label": "Noise",
      oninput: () => {
        this.noiseText.textContent = Number(this.noise.value).toFixed(2);
        void this.refresh();
      },
    });
    this.file = el("input", {
      type: "file", accept: "image/*", hidden: true, "aria-label": "Picture file",
      onchange: () => {
        const [file] = this.file.files ?? [];
        if (file) void this.take(file, file.name);
        this.file.value = "";
      },
    });
    this.results = el(
      "div",
      { className: "results", hidden: true },
      el("figure", {}, this.before, el("figcaption", {}, "Encoded")),
      el("figure", {}, this.after, el("figcaption", {}, "Decoded")),
      this.error,
    );
    this.element = el(
      "section",
      { className: "card panel-own", "aria-label": "Your image" },
      el(
        "div",
        { className: "head" },
        el("h2", {}, "Your image"),
        el("button", { type: "button", onclick: () => this.file.click() }, "Choose a file"),
        el("button", { type: "button", onclick: () => this.clear() }, "Clear"),
      ),
      ...this.content(takes),
      this.file,
    );
  }

  private content(takes: boolean): HTMLElement[] {
    const [height, width, channels] = this.payload.meta.imageShape;
    if (!takes || !this.pad) {
      const text = `This model takes images of ${channels} channels, which pictures do not have.`;
      return [el("p", { className: "hint" }, text)];
    }
    const size = `${width} \u00d7 ${height}`;
    const settings = el(
      "div",
      { className: "settings" },
      el("label", { className: "check" }, this.invert, "Invert"),
      el("label", { className: "noise" }, "Noise", this.noise, this.noiseText),
    );
    const hint = el("p", { className: "hint" });
    hint.textContent = `Draw, drop a file, or paste a picture. It is shrunk to ${size} pixels.`;
    return [
      el("div", { className: "own" }, this.pad.element, el("div", {}, hint, this.results, settings)),
    ];
  }

  /** Take a picture file that was chosen, dropped or pasted. */
  async take(file: Blob, name: string): Promise<void> {
    const shape = this.payload.meta.imageShape;
    if (!this.pad) {
      this.events.failed(`This model takes images of ${shape[2]} channels, not pictures.`);
      return;
    }
    try {
      const { rgba, size } = await readPicture(file, name, shape);
      this.pad.clear();
      this.rgba = rgba;
      // Ink on paper becomes what the model knows: the border tells which of the two it is.
      const border = borderOf(fromRgba(rgba, shape[2], false), shape);
      this.invert.checked = shape[2] === 1 && border > 0.5 !== this.payload.meta.border > 0.5;
      const inverted = this.invert.checked ? ", and inverted" : "";
      this.events.say(
        `${name}, ${size[0]} \u00d7 ${size[1]}, shrunk to ${shape[1]} \u00d7 ${shape[0]}${inverted}.`,
      );
      await this.refresh();
    } catch (error) {
      this.events.failed((error as Error).message);
    }
  }

  private clear(): void {
    this.rgba = null;
    this.pad?.clear();
    this.results.hidden = true;
    this.events.encoded(null);
  }

  /** Encode and decode what is there; while that runs, only the latest change counts. */
  private async refresh(): Promise<void> {
    this.waiting = true;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.waiting) {
        this.waiting = false;
        await this.once();
      }
    } catch (error) {
      this.events.failed(`The image could not be encoded: ${(error as Error).message}`);
    } finally {
      this.busy = false;
    }
  }

  private async once(): Promise<void> {
    if (!this.rgba) return;
    const shape = this.payload.meta.imageShape;
    const clean = fromRgba(this.rgba, shape[2], this.invert.checked);
    const level = Number(this.noise.value);
    const random = seeded(1); // the same noise at every level, so that nothing flickers
    const noisy = clean.map((v) => Math.min(1, Math.max(0, v + level * normal(random))));
    const code = await this.events.encode(level ? noisy : clean);
    const decoded = await this.events.decode(code);
    this.results.hidden = false;
    paint(this.before, level ? noisy : clean, shape);
    paint(this.after, decoded, shape);
    this.error.textContent =
      errorText(meanSquaredError(clean, decoded)) + (level ? " to the clean image" : "");
    this.events.encoded(code);
  }
}
