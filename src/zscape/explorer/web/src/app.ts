// The explorer: all panels, and the one code that they show.

import { download, el, errorText, short } from "./dom";
import { LatentMap } from "./map";
import { Models } from "./models";
import { OwnImage } from "./own";
import type { Payload } from "./payload";
import { paint } from "./pixels";
import { Sliders } from "./sliders";
import type { Code, Point } from "./space";
import { codeOfLink, linkOfCode, meanSquaredError, Space } from "./space";
import { Strip } from "./strip";
import styles from "./style.css";

type Theme = "light" | "dark";

export interface Options {
  /** Whether the explorer is the whole page: its address then carries codes. */
  alone: boolean;
  /** Called with every code that is shown. */
  onCode?(code: Code): void;
}

export class Explorer {
  readonly root: ShadowRoot;
  private readonly space: Space;
  private readonly map: LatentMap;
  private readonly sliders: Sliders;
  private readonly strip: Strip;
  private readonly own: OwnImage;
  private readonly page = el("div", { className: "explorer" });
  private readonly picture = el("canvas", { className: "picture", role: "img" });
  private readonly caption = el("p", { className: "caption" });
  private readonly card = el("div", { className: "hover", hidden: true });
  private readonly alerts = el("div", { className: "alerts", role: "alert" });
  private readonly toast = el("div", { className: "toast", role: "status" });
  private models: Models | null = null;
  private ends: Code[] = [];
  private ownCode: Code | null = null;
  private image = new Float32Array();
  private dirty = false;
  private busy = false;
  private hovered = -1;
  private toastTimer = 0;
  /** The code that is shown. */
  code: Code;

  constructor(
    host: HTMLElement,
    readonly payload: Payload,
    private readonly options: Options,
  ) {
    const { meta } = payload;
    this.space = new Space(payload);
    this.code = this.space.code(0);
    this.root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    adoptStyles(this.root);
    this.map = new LatentMap(payload, this.space, {
      move: (place) => this.setCode(this.space.movedTo(this.code, place)),
      pick: (index) => this.pick(index),
      hover: (index, at) => void this.hover(index, at),
      decode: (places) => this.decodePlaces(places),
    });
    this.sliders = new Sliders(
      payload,
      this.space,
      (code) => this.setCode(code),
      (reach) => meta.latentDim <= 2 && this.map.show(reach),
    );
    this.strip = new Strip(
      meta.imageShape,
      (codes) => this.decode(codes),
      (code) => this.setCode(code),
      () => this.setEnds([]),
    );
    this.own = new OwnImage(payload, {
      encode: (image) => this.encode(image),
      decode: (code) => this.decode(code),
      encoded: (code) => this.showOwn(code),
      failed: (message) => this.fail(message),
      say: (message) => this.say(message),
    });
    const column = (name: string, ...cards: HTMLElement[]): HTMLElement =>
      el("div", { className: `column ${name}` }, ...cards);
    const layout = el(
      "div",
      { className: "layout" },
      this.header(),
      column("first", this.mapCard()),
      column("second", this.imageCard(), this.strip.element),
      column("third", this.sliders.element, this.own.element),
    );
    this.page.append(this.alerts, layout, this.toast);
    this.root.append(this.page);
    this.setTheme(preferredTheme());
    this.listen();
    this.setCode((options.alone && codeOfLink(location.hash, meta.latentDim)) || this.code);
  }

  /** Start the models; until then the map can be looked at. */
  async start(wasm: ArrayBuffer): Promise<void> {
    try {
      this.models = await Models.load(this.payload, wasm);
    } catch (error) {
      this.page.classList.add("no-model");
      this.caption.textContent = "There is no image without the model.";
      this.fail(
        `The model could not be loaded: ${(error as Error).message}. Make the page again with ` +
          "zscape explore, or open it in a newer browser. The map still shows where images lie.",
      );
      return;
    }
    this.requestImage();
    void this.strip.show(this.ends);
    this.page.classList.add("ready");
    this.root.host.dispatchEvent(new CustomEvent("zscape-ready", { bubbles: true }));
  }

  /** Show a code in all panels. */
  setCode(code: Code): void {
    this.code = code;
    this.sliders.show(code);
    this.map.moveCode(this.space.place(code));
    this.requestImage();
    this.options.onCode?.(code);
  }

  /** Return images (n, H, W, C) of codes (n, d). */
  decode(codes: Float32Array): Promise<Float32Array> {
    return this.models ? this.models.decode(codes) : Promise.reject(new Error("no model"));
  }

  /** Return codes (n, d) of images (n, H, W, C). */
  encode(images: Float32Array): Promise<Float32Array> {
    return this.models ? this.models.encode(images) : Promise.reject(new Error("no model"));
  }

  /** Say what went wrong, until it is closed. */
  fail(message: string): void {
    const close = el("button", { type: "button", "aria-label": "Close" }, "\u00d7");
    const line = el("div", { className: "alert" }, el("span", {}, message), close);
    close.addEventListener("click", () => line.remove());
    this.alerts.replaceChildren(line);
  }

  private say(message: string): void {
    this.toast.textContent = message;
    this.toast.classList.add("shown");
    window.clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => this.toast.classList.remove("shown"), 5000);
  }

  // --- parts of the page ---

  private header(): HTMLElement {
    const { meta } = this.payload;
    const facts = [
      meta.name,
      `${meta.latentDim} latent variable${meta.latentDim > 1 ? "s" : ""}`,
      meta.bottleneck === "plain" ? meta.preset : `${meta.preset}, ${meta.bottleneck}`,
      `${meta.nImages.toLocaleString("en")} images of ${meta.source.split("/").pop()}`,
    ];
    const theme = el("button", {
      type: "button", className: "icon theme", "aria-label": "Dark or light", title: "Dark or light",
      onclick: () => this.setTheme(this.page.dataset["theme"] === "dark" ? "light" : "dark"),
    });
    return el(
      "header",
      {},
      el("h1", {}, "zscape", el("span", {}, "explorer")),
      el("p", { className: "facts" }, ...facts.map((fact) => el("span", {}, fact))),
      theme,
    );
  }

  private mapCard(): HTMLElement {
    const tool = (text: string, label: string, action: () => void): HTMLElement =>
      el("button", { type: "button", className: "icon", "aria-label": label, title: label,
        onclick: action }, text);
    const tools: HTMLElement[] = [
      tool("+", "Zoom in", () => this.map.zoom(1.4)),
      tool("\u2212", "Zoom out", () => this.map.zoom(1 / 1.4)),
      tool("\u2922", "Show the whole map", () => this.map.show(null)),
    ];
    if (this.payload.meta.latentDim > 1) {
      const grid = el("input", {
        type: "checkbox",
        onchange: () => this.map.setGrid(grid.checked && this.models !== null),
      });
      tools.unshift(el("label", { className: "check" }, grid, "Latent grid"));
    }
    return el(
      "section",
      { className: "card panel-map", "aria-label": "Map" },
      el("div", { className: "head" }, el("h2", {}, "Map"), el("div", { className: "tools" }, ...tools)),
      el("div", { className: "map-frame" }, this.map.element, this.card),
      el("p", { className: "hint" },
        "Drag to walk. Click two points to go from one to the other. Rest on a point to see it."),
    );
  }

  private imageCard(): HTMLElement {
    const button = (text: string, action: () => void): HTMLElement =>
      el("button", { type: "button", onclick: action }, text);
    const tools = [
      button("Save image", () => this.savePicture()),
      button("Save code", () => this.saveCode()),
    ];
    if (this.options.alone) tools.push(button("Copy link", () => void this.copyLink()));
    return el(
      "section",
      { className: "card panel-image", "aria-label": "Decoded image" },
      el("div", { className: "head" }, el("h2", {}, "Decoded")),
      el("div", { className: "picture-frame" }, this.picture),
      el("div", { className: "below" }, this.caption, el("div", { className: "tools" }, ...tools)),
    );
  }

  // --- the code ---

  private mark(): void {
    this.map.mark({
      code: this.space.place(this.code),
      ends: this.ends.map((code) => this.space.place(code)),
      own: this.ownCode && this.space.place(this.ownCode),
    });
  }

  private showOwn(code: Code | null): void {
    this.ownCode = code;
    this.mark();
    if (code) this.setCode(code);
  }

  private pick(index: number): void {
    const code = this.space.code(index);
    this.setEnds(this.ends.length === 1 ? [...this.ends, code] : [code]);
    this.setCode(code);
  }

  private setEnds(ends: Code[]): void {
    this.ends = ends;
    this.mark();
    if (this.models || ends.length < 2) void this.strip.show(ends);
  }

  /** Decode the code that is shown; while that runs, only the latest one counts. */
  private requestImage(): void {
    this.dirty = true;
    if (!this.busy && this.models) void this.decodeLatest();
  }

  private async decodeLatest(): Promise<void> {
    this.busy = true;
    try {
      while (this.dirty) {
        this.dirty = false;
        const { code } = this;
        this.image = new Float32Array(await this.decode(code));
        paint(this.picture, this.image, this.payload.meta.imageShape);
        this.describe(code);
        this.root.host.dispatchEvent(new CustomEvent("zscape-painted"));
      }
    } catch (error) {
      this.fail(`The code could not be decoded: ${(error as Error).message}`);
    } finally {
      this.busy = false;
    }
  }

  private describe(code: Code): void {
    const shown = Array.from(code.slice(0, 3), short).join(", ");
    const text = `z = (${shown}${code.length > 3 ? ", \u2026" : ""})`;
    this.caption.textContent = text;
    this.picture.setAttribute("aria-label", `Decoded image of ${text}`);
  }

  private decodePlaces(places: Point[]): Promise<Float32Array> {
    const dim = this.space.dim;
    const codes = new Float32Array(places.length * dim);
    // Through the mean: the background is of the plane of the map, not of the code shown.
    places.forEach((place, i) =>
      codes.set(this.space.movedTo(Float32Array.from(this.payload.mean), place), i * dim),
    );
    return this.decode(codes);
  }

  private async hover(index: number, at: Point): Promise<void> {
    this.map.surface.classList.toggle("over-point", index >= 0);
    if (index < 0) {
      this.hovered = -1;
      this.card.hidden = true;
      return;
    }
    this.place(at);
    if (index === this.hovered) return;
    this.hovered = index;
    const { meta, images } = this.payload;
    const n = images.length / meta.nImages;
    const pixels = images.subarray(index * n, (index + 1) * n);
    const original = el("canvas", {});
    paint(original, pixels, meta.imageShape, 255);
    const label = meta.labels ? `Label ${meta.labels[index]}` : `Image ${index}`;
    const parts: HTMLElement[] = [el("figure", {}, original, el("figcaption", {}, "Image"))];
    let error = "";
    if (this.models) {
      const decoded = await this.decode(this.space.code(index));
      if (this.hovered !== index) return;
      const canvas = el("canvas", {});
      paint(canvas, decoded, meta.imageShape);
      parts.push(el("figure", {}, canvas, el("figcaption", {}, "Decoded")));
      error = errorText(meanSquaredError(Float32Array.from(pixels, (v) => v / 255), decoded));
    }
    this.card.replaceChildren(
      el("div", { className: "pair" }, ...parts),
      el("p", {}, el("strong", {}, label), ` #${index} `, el("span", {}, error)),
    );
    this.card.hidden = false;
    this.place(at);
  }

  /** Put the card beside the pointer, inside the map. */
  private place(at: Point): void {
    const { clientWidth, clientHeight } = this.map.element;
    const { offsetWidth, offsetHeight } = this.card;
    const left = at.x + 18 + offsetWidth > clientWidth ? at.x - 18 - offsetWidth : at.x + 18;
    const top = Math.min(Math.max(8, at.y - offsetHeight / 2), clientHeight - offsetHeight - 8);
    this.card.style.left = `${Math.max(8, left)}px`;
    this.card.style.top = `${Math.max(8, top)}px`;
  }

  // --- saving ---

  private savePicture(): void {
    const { width, height } = this.picture;
    const scale = Math.max(1, Math.round(512 / Math.min(width, height)));
    const large = el("canvas", { width: width * scale, height: height * scale });
    const context = large.getContext("2d")!;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.picture, 0, 0, large.width, large.height);
    large.toBlob((blob) => blob && download(blob, `${this.payload.meta.name}.png`), "image/png");
  }

  private saveCode(): void {
    const { name, latentDim } = this.payload.meta;
    const content = { run: name, latent_dim: latentDim, code: Array.from(this.code) };
    const text = JSON.stringify(content, null, 2);
    download(new Blob([text], { type: "application/json" }), `${name}.json`);
  }

  private async copyLink(): Promise<void> {
    history.replaceState(null, "", linkOfCode(this.code));
    try {
      await navigator.clipboard.writeText(location.href);
      this.say("The link to this code is copied.");
    } catch {
      this.say("The address of this page is now a link to this code.");
    }
  }

  // --- theme, keys, files ---

  private setTheme(theme: Theme): void {
    this.page.dataset["theme"] = theme;
    this.map.setTheme(theme);
  }

  private listen(): void {
    const { page } = this;
    page.addEventListener("dragover", (event) => {
      event.preventDefault();
      page.classList.add("dropping");
    });
    page.addEventListener("dragleave", (event) => {
      if (!page.contains(event.relatedTarget as Node | null)) page.classList.remove("dropping");
    });
    page.addEventListener("drop", (event) => {
      event.preventDefault();
      page.classList.remove("dropping");
      const [file] = event.dataTransfer?.files ?? [];
      if (file) void this.own.take(file, file.name);
      else this.fail("That was no file. Drop a picture from your files, or paste it.");
    });
    document.addEventListener("paste", (event) => {
      // In a notebook people paste into other cells too.
      if (!page.isConnected || !(this.options.alone || page.matches(":hover, :focus-within"))) return;
      const items = [...(event.clipboardData?.items ?? [])];
      const file = items.find((item) => item.type.startsWith("image/"))?.getAsFile();
      if (file) void this.own.take(file, "The pasted picture");
    });
    page.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.composedPath()[0] as HTMLElement;
      const control = target.tagName === "BUTTON" || target.tagName === "INPUT";
      if (event.key === "r") this.sliders.randomise();
      else if (event.key === "Escape") this.setEnds([]);
      else if (event.key === " " && !control) this.strip.toggle();
      else return;
      event.preventDefault();
    });
    window.addEventListener("hashchange", () => {
      const code = this.options.alone && codeOfLink(location.hash, this.space.dim);
      if (code) this.setCode(code);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.setTheme(preferredTheme()),
    );
  }
}

function preferredTheme(): Theme {
  const notebook = document.body.dataset["jpThemeLight"]; // set by Jupyter
  if (notebook) return notebook === "true" ? "light" : "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function adoptStyles(root: ShadowRoot): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  root.adoptedStyleSheets = [sheet];
}
