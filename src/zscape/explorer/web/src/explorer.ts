// The explorer: all panels, made and laid out.

import { Models } from "./data/models";
import type { Payload } from "./data/payload";
import { el } from "./dom";
import { listenToDrops, listenToKeys, listenToPastes } from "./listen";
import type { LatentMap } from "./map/map";
import { Decoded } from "./panels/decoded";
import { header } from "./panels/header";
import { mapPanel } from "./panels/map_panel";
import { Messages } from "./panels/messages";
import { OwnImage } from "./panels/own";
import { Sliders } from "./panels/sliders";
import { Strip } from "./panels/strip";
import { type Code, codeOfLink, Space } from "./space";
import { State } from "./state";
import { adoptStyles } from "./styles/styles";
import { reason } from "./text";
import { preferredTheme, type Theme } from "./theme";

export interface Options {
  /** Whether the explorer is the whole page: its address then carries codes. */
  alone: boolean;
  /** Called with every code that is shown. */
  onCode?(code: Code): void;
}

export class Explorer {
  readonly root: ShadowRoot;
  readonly state: State;
  readonly models: Models;
  readonly map: LatentMap;
  readonly decoded: Decoded;
  readonly own: OwnImage;
  private readonly strip: Strip;
  private readonly sliders: Sliders;
  private readonly messages = new Messages();
  private readonly page = el("div", { className: "explorer" });

  constructor(
    host: HTMLElement,
    readonly payload: Payload,
    options: Options,
  ) {
    const { meta } = payload;
    const state = new State(new Space(payload));
    this.state = state;
    this.models = new Models(payload);
    const map = mapPanel(payload, state, this.models);
    this.map = map.map;
    this.decoded = new Decoded(payload, state, this.models, this.messages, options.alone);
    this.strip = new Strip(meta.imageShape, state, this.models);
    this.sliders = new Sliders(
      payload,
      state,
      (reach) => meta.latentDim <= 2 && map.map.show(reach),
    );
    this.own = new OwnImage(payload, state, this.models, this.messages);
    state.watch("code", () => options.onCode?.(state.code));
    const layout = el(
      "div",
      { className: "layout" },
      header(meta, () => this.setTheme(this.page.dataset.theme === "dark" ? "light" : "dark")),
      column("first", map.element),
      column("second", this.decoded.element, this.strip.element),
      column("third", this.sliders.element, this.own.element),
    );
    this.page.append(this.messages.alerts, layout, this.messages.toast);
    this.root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    adoptStyles(this.root);
    this.root.append(this.page);
    this.setTheme(preferredTheme());
    this.listen(options.alone);
    state.setCode((options.alone && this.linkedCode()) || state.code);
  }

  /** Start the models; until then the map can be looked at. */
  async start(wasm: ArrayBuffer): Promise<void> {
    try {
      await this.models.start(wasm);
    } catch (error) {
      this.page.classList.add("no-model");
      this.decoded.showNoModel();
      this.fail(
        `The model could not be loaded: ${reason(error)}. Make the page again with ` +
          "zscape explore, or open it in a newer browser. The map still shows where images lie.",
      );
      return;
    }
    this.decoded.request();
    void this.strip.show();
    this.page.classList.add("ready");
    this.root.host.dispatchEvent(new CustomEvent("zscape-ready", { bubbles: true }));
  }

  /** Show what went wrong, until it is closed. */
  fail(message: string): void {
    this.messages.fail(message);
  }

  private setTheme(theme: Theme): void {
    this.page.dataset.theme = theme;
    this.map.setTheme(theme);
  }

  /** Return the code that the address of the page carries, if there is one. */
  private linkedCode(): Code | null {
    return codeOfLink(location.hash, this.payload.meta.latentDim);
  }

  private listen(alone: boolean): void {
    const actions = {
      take: (file: File, name: string) => void this.own.take(file, name),
      fail: (message: string) => this.fail(message),
      randomise: () => this.sliders.randomise(),
      forgetPath: () => this.state.setEnds([]),
      togglePlay: () => this.strip.toggle(),
    };
    listenToDrops(this.page, actions);
    listenToPastes(this.page, alone, actions);
    listenToKeys(this.page, actions);
    window.addEventListener("hashchange", () => {
      const code = alone && this.linkedCode();
      if (code) this.state.setCode(code);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.setTheme(preferredTheme()),
    );
  }
}

function column(name: string, ...panels: HTMLElement[]): HTMLElement {
  return el("div", { className: `column ${name}` }, ...panels);
}
