// One's own image: a file, the clipboard or a drawing; encoded, decoded and compared.

import type { Models } from "../data/models";
import type { Payload } from "../data/payload";
import { borderOf, fromRgba, paint, readPicture } from "../data/pixels";
import { button, el, panel } from "../dom";
import { Latest } from "../latest";
import { meanSquaredError, normal, seeded } from "../space";
import type { State } from "../state";
import { errorText, reason } from "../text";
import { figure } from "./hover";
import type { Messages } from "./messages";
import { Pad } from "./pad";

export class OwnImage {
  readonly element: HTMLElement;
  private readonly pad: Pad | null;
  private readonly before = el("canvas", { className: "thumb" });
  private readonly after = el("canvas", { className: "thumb" });
  private readonly error = el("p", { className: "error-figure", role: "status" });
  private readonly results = el(
    "div",
    { className: "results", hidden: true },
    figure("Encoded", this.before),
    figure("Decoded", this.after),
    this.error,
  );
  private readonly invert = el("input", { type: "checkbox", onchange: () => this.refresh() });
  private readonly noise = el("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.01",
    value: "0",
    ariaLabel: "Noise",
    oninput: () => {
      this.noiseText.textContent = Number(this.noise.value).toFixed(2);
      this.refresh();
    },
  });
  private readonly noiseText = el("span", { className: "value", ariaHidden: "true" }, "0.00");
  private readonly file = el("input", {
    type: "file",
    accept: "image/*",
    hidden: true,
    ariaLabel: "Picture file",
    onchange: () => {
      const [file] = this.file.files ?? [];
      if (file) void this.take(file, file.name);
      this.file.value = "";
    },
  });
  private readonly work: Latest;
  private rgba: Uint8ClampedArray | null = null;

  constructor(
    private readonly payload: Payload,
    private readonly state: State,
    private readonly models: Models,
    private readonly messages: Messages,
  ) {
    const { imageShape, border } = payload.meta;
    this.work = new Latest(
      () => this.encode(),
      (why) => messages.fail(`The image could not be encoded: ${why}`),
    );
    this.pad = [1, 3, 4].includes(imageShape[2])
      ? new Pad(imageShape, border < 0.5, (pixels) => {
          this.invert.checked = false;
          this.rgba = pixels;
          this.refresh();
        })
      : null;
    this.element = panel(
      "own",
      "Your image",
      this.pad
        ? [button("Choose a file", () => this.file.click()), button("Clear", () => this.clear())]
        : [],
      this.pad ? this.content(this.pad) : el("p", { className: "hint" }, this.refusal()),
      this.file,
    );
  }

  /** Whether an image is still to be encoded. */
  get busy(): boolean {
    return this.work.busy;
  }

  /** Take a picture file that was chosen, dropped or pasted. */
  async take(file: Blob, name: string): Promise<void> {
    const { imageShape: shape, border } = this.payload.meta;
    if (!this.pad) {
      this.messages.fail(this.refusal());
      return;
    }
    try {
      const { rgba, size } = await readPicture(file, name, shape);
      this.pad.clear();
      this.rgba = rgba;
      // Ink on paper becomes what the model was trained on: the border tells which of the two.
      const bright = borderOf(fromRgba(rgba, shape[2], false), shape) > 0.5;
      this.invert.checked = shape[2] === 1 && bright !== border > 0.5;
      const inverted = this.invert.checked ? ", and inverted" : "";
      this.messages.say(
        `${name}, ${size[0]} \u00d7 ${size[1]}, shrunk to ${shape[1]} \u00d7 ${shape[0]}${inverted}.`,
      );
      this.refresh();
    } catch (error) {
      this.messages.fail(reason(error));
    }
  }

  private refusal(): string {
    const channels = this.payload.meta.imageShape[2];
    return `This model takes images of ${channels} channels, which pictures do not have.`;
  }

  private content(pad: Pad): HTMLElement {
    const [height, width] = this.payload.meta.imageShape;
    const hint =
      "Draw, drop a file, or paste a picture. " +
      `It is shrunk to ${width}\u00a0\u00d7\u00a0${height} pixels.`;
    const settings = el(
      "div",
      { className: "settings" },
      el("label", { className: "check" }, this.invert, "Invert"),
      el("label", { className: "noise" }, "Noise", this.noise, this.noiseText),
    );
    return el(
      "div",
      { className: "own" },
      pad.element,
      el("div", {}, el("p", { className: "hint" }, hint), this.results, settings),
    );
  }

  private clear(): void {
    this.rgba = null;
    this.pad?.clear();
    this.results.hidden = true;
    this.state.setOwn(null);
  }

  private refresh(): void {
    void this.work.request();
  }

  private async encode(): Promise<void> {
    if (!this.rgba) return;
    const shape = this.payload.meta.imageShape;
    const clean = fromRgba(this.rgba, shape[2], this.invert.checked);
    const level = Number(this.noise.value);
    const random = seeded(1); // the same noise at every level, so that nothing flickers
    const noisy = clean.map((v) => Math.min(1, Math.max(0, v + level * normal(random))));
    const image = level ? noisy : clean;
    const code = await this.models.encode(image);
    const decoded = await this.models.decode(code);
    if (!this.rgba) return; // cleared meanwhile
    this.results.hidden = false;
    paint(this.before, image, shape);
    paint(this.after, decoded, shape);
    const error = errorText(meanSquaredError(clean, decoded));
    this.error.textContent = level ? `${error} to the clean image` : error;
    this.state.setOwn(code);
  }
}
