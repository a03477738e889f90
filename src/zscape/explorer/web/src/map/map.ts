// The map of codes: three canvases on each other, and the mark of the code that is shown.

import type { Models } from "../data/models";
import type { Payload } from "../data/payload";
import { el } from "../dom";
import type { Point } from "../space";
import type { State } from "../state";
import type { Theme } from "../theme";
import { type Colors, colorsAt, type Frame } from "./frame";
import { Gestures } from "./gestures";
import { Lattice } from "./lattice";
import { drawMarks } from "./marks";
import { Scene } from "./scene";
import { type Size, toPlace, toScreen, type View, viewOf, zoomed } from "./view";

export class LatentMap {
  readonly element: HTMLElement;
  readonly surface = el("canvas", {
    className: "layer surface",
    tabIndex: 0,
    role: "application",
    ariaRoleDescription: "latent map",
    ariaLabel:
      "Map of codes. Arrow keys move the code, with Shift further; plus and minus zoom, " +
      "0 shows the whole map.",
  });
  readonly lattice: Lattice;
  /** The places of all images, x and y in turn. */
  readonly places: Float32Array;
  view: View;
  size: Size = { width: 1, height: 1 };
  private readonly scene: Scene;
  private readonly dots = el("canvas", { className: "layer", ariaHidden: "true" });
  // An element of its own, so that a movement draws nothing else anew.
  private readonly codeMark = el("div", { className: "code-mark", ariaHidden: "true" });
  private readonly home: View;
  private density = 1;
  private theme: Theme = "light";
  // To ask the page for them in every drawing would lay it out anew.
  private colors: Colors;

  /** `hover` is called with the image that the pointer is over, or with -1. */
  constructor(
    payload: Payload,
    readonly state: State,
    models: Models,
    hover: (index: number, at: Point) => void,
  ) {
    this.places = state.space.places();
    this.home = viewOf(this.places);
    this.view = this.home;
    this.lattice = new Lattice(payload, state.space, models);
    this.scene = new Scene(payload, this.places);
    this.element = el(
      "div",
      { className: "map" },
      this.lattice.canvas,
      this.dots,
      this.surface,
      this.codeMark,
    );
    this.colors = colorsAt(this.element);
    new Gestures(this, this.surface, hover);
    new ResizeObserver(() => this.resize()).observe(this.element);
    state.watch("code", () => this.placeCode());
    state.watch("ends", () => this.drawMarks());
    state.watch("own", () => this.drawMarks());
  }

  /** The place of the code that is shown. */
  get codePlace(): Point {
    return this.state.space.place(this.state.code);
  }

  /** Draw in the colours of a theme. */
  setTheme(theme: Theme): void {
    this.theme = theme;
    this.colors = colorsAt(this.element);
    this.draw();
  }

  /** Show or hide decoded images behind the points. */
  setGrid(on: boolean): void {
    this.lattice.on = on;
    this.draw();
  }

  /** Show the data, or from -reach to reach in both directions. */
  show(reach: number | null): void {
    this.setView(
      reach === null ? this.home : { left: -reach, right: reach, bottom: -reach, top: reach },
    );
  }

  /** Zoom about the middle. */
  zoom(factor: number): void {
    const middle = { x: this.size.width / 2, y: this.size.height / 2 };
    this.setView(zoomed(this.view, toPlace(this.view, this.size, middle), factor));
  }

  setView(view: View): void {
    this.view = view;
    this.draw();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.element;
    if (!clientWidth || !clientHeight) return;
    this.colors = colorsAt(this.element); // a notebook puts the map into its page only now
    this.density = Math.min(window.devicePixelRatio || 1, 2);
    this.size = { width: clientWidth, height: clientHeight };
    for (const canvas of [this.lattice.canvas, this.dots, this.surface]) {
      canvas.width = Math.round(clientWidth * this.density);
      canvas.height = Math.round(clientHeight * this.density);
    }
    this.draw();
  }

  private frame(): Frame {
    const { view, size, density, theme, colors } = this;
    return { view, size, density, theme, colors };
  }

  private draw(): void {
    this.scene.draw(this.dots, this.frame(), this.lattice.on ? 0.75 : 0.85);
    this.placeCode();
    this.drawMarks();
    this.lattice.draw(this.frame());
  }

  private placeCode(): void {
    const { x, y } = toScreen(this.view, this.size, this.codePlace);
    this.codeMark.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }

  private drawMarks(): void {
    const { space, ends, own } = this.state;
    drawMarks(
      this.surface,
      this.frame(),
      ends.map((code) => space.place(code)),
      own && space.place(own),
    );
  }
}
