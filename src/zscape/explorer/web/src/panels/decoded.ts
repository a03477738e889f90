// The decoded image of the code that is shown, to be kept in several ways.

import type { Models } from "../data/models";
import type { Payload } from "../data/payload";
import { paint } from "../data/pixels";
import { button, context2d, download, el, panel } from "../dom";
import { Latest } from "../latest";
import type { Code } from "../space";
import { linkOfCode } from "../space";
import type { State } from "../state";
import { labelText, short } from "../text";
import type { Messages } from "./messages";

const SAVED_SIDE = 512; // pixels of the shorter side of a saved image, about

export class Decoded {
  readonly element: HTMLElement;
  private readonly picture = el("canvas", { className: "picture", role: "img" });
  private readonly caption = el("p", { className: "caption" });
  private readonly work: Latest;

  /** `alone`: whether the explorer is the whole page, whose address then carries codes. */
  constructor(
    private readonly payload: Payload,
    private readonly state: State,
    private readonly models: Models,
    private readonly messages: Messages,
    alone: boolean,
  ) {
    this.work = new Latest(
      () => this.decode(),
      (why) => messages.fail(`The code could not be decoded: ${why}`),
    );
    const tools = [
      button("Save image", () => this.savePicture()),
      button("Save code", () => this.saveCode()),
    ];
    if (alone) tools.push(button("Copy link", () => void this.copyLink()));
    this.element = panel(
      "image",
      "Decoded image",
      [],
      el("div", { className: "picture-frame" }, this.picture),
      el("div", { className: "below" }, this.caption, el("div", { className: "tools" }, ...tools)),
    );
    state.watch("code", () => this.request());
  }

  /** Whether an image is still to be decoded. */
  get busy(): boolean {
    return this.work.busy;
  }

  /** Decode the code that is shown, once the model is there. */
  request(): void {
    if (this.models.ready) void this.work.request();
  }

  /** Tell that there will be no image. */
  showNoModel(): void {
    this.caption.textContent = "There is no image without the model.";
  }

  private async decode(): Promise<void> {
    const { code } = this.state;
    paint(this.picture, await this.models.decode(code), this.payload.meta.imageShape);
    this.describe(code);
    this.element.dispatchEvent(
      new CustomEvent("zscape-painted", { bubbles: true, composed: true }),
    );
  }

  private describe(code: Code): void {
    const shown = Array.from(code.slice(0, 3), short).join(", ");
    const { labels } = this.payload.meta;
    const { image } = this.state;
    const name = labels && image >= 0 ? `${labelText(labels[image])}: ` : "";
    const text = `${name}z = (${shown}${code.length > 3 ? ", \u2026" : ""})`;
    this.caption.textContent = text;
    this.picture.ariaLabel = `Decoded image of ${text}`;
  }

  private savePicture(): void {
    const { width, height } = this.picture;
    const scale = Math.max(1, Math.round(SAVED_SIDE / Math.min(width, height)));
    const large = el("canvas", { width: width * scale, height: height * scale });
    const context = context2d(large);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, 0, 0, large.width, large.height);
    large.toBlob((blob) => blob && download(blob, `${this.payload.meta.name}.png`), "image/png");
  }

  private saveCode(): void {
    const { name, latentDim } = this.payload.meta;
    const content = { run: name, latent_dim: latentDim, code: Array.from(this.state.code) };
    const text = JSON.stringify(content, null, 2);
    download(new Blob([text], { type: "application/json" }), `${name}.json`);
  }

  private async copyLink(): Promise<void> {
    history.replaceState(null, "", linkOfCode(this.state.code));
    try {
      await navigator.clipboard.writeText(location.href);
      this.messages.say("The link to this code is copied.");
    } catch {
      this.messages.say("The address of this page is now a link to this code.");
    }
  }
}
