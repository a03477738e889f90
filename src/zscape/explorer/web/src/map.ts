// The map of codes: three canvases on each other, and what a pointer or a keyboard does on them.

import { el, rgb, short } from "./dom";
import type { Payload } from "./payload";
import { toCanvas, toInk, toRgba } from "./pixels";
import type { Point, Space } from "./space";
import { quantiles } from "./space";
import type { Size, View } from "./view";
import {
  apart, drawPoints, moved, nearest, radiusOf, ticks, toPlace, toScreen, viewOf, zoomed,
} from "./view";

export interface MapEvents {
  /** The pointer was dragged to, or the keyboard moved to, a place. */
  move(place: Point): void;
  /** A point was clicked. */
  pick(index: number): void;
  /** The pointer is over a point, or over none. */
  hover(index: number, at: Point): void;
  /** Return decoded images of places, row by row, for the background. */
  decode(places: Point[]): Promise<Float32Array>;
}

export interface Marks {
  code: Point;
  ends: Point[];
  own: Point | null;
}

const CLICK = 5; // pixels a pointer may move within a click
const COLORS = ["--card", "--ink", "--quiet", "--accent", "--second"] as const;
type ColorName = (typeof COLORS)[number];
const CELL = 44; // pixels of an image of the background

export class LatentMap {
  readonly element: HTMLElement;
  readonly surface: HTMLCanvasElement;
  private readonly back = el("canvas", { className: "layer", "aria-hidden": "true" });
  private readonly dots = el("canvas", { className: "layer", "aria-hidden": "true" });
  // An element of its own, so that a movement draws nothing else anew.
  private readonly code = el("div", { className: "code-mark", "aria-hidden": "true" });
  private readonly places: Float32Array;
  private readonly home: View;
  private view: View;
  private size: Size = { width: 1, height: 1 };
  private density = 1;
  private theme: "light" | "dark" = "light";
  private marks: Marks = { code: { x: 0, y: 0 }, ends: [], own: null };
  private readonly colors = {} as Record<ColorName, string>;
  private gridOn = false;
  private gridTurn = 0;
  /** Whether the background is whole. */
  gridDone = false;
  private gridTimer = 0;
  private readonly pointers = new Map<number, Point>();
  private start: Point | null = null;
  private dragged = false;

  constructor(
    private readonly payload: Payload,
    space: Space,
    private readonly events: MapEvents,
  ) {
    this.places = space.places();
    this.home = viewOf(this.places);
    this.view = this.home;
    this.surface = el("canvas", {
      className: "layer surface",
      tabIndex: 0,
      role: "application",
      "aria-roledescription": "latent map",
      "aria-label":
        "Map of codes. Arrow keys move the code, with Shift further; plus and minus zoom, 0 shows the whole map.",
    });
    this.element = el("div", { className: "map" }, this.back, this.dots, this.surface,
      this.code);
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  /** Show marks: the code, the ends of a path, one's own image. */
  mark(marks: Marks): void {
    this.marks = marks;
    this.placeCode();
    this.drawMarks();
  }

  /** Move the mark of the code, and nothing else: it follows the pointer. */
  moveCode(place: Point): void {
    this.marks.code = place;
    this.placeCode();
  }

  /** Draw in the colours of a theme. */
  setTheme(theme: "light" | "dark"): void {
    this.theme = theme;
    this.readColors();
    this.draw();
  }

  /** Show or hide decoded images behind the points. */
  setGrid(on: boolean): void {
    this.gridOn = on;
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

  private setView(view: View): void {
    this.view = view;
    this.draw();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.element;
    if (!clientWidth || !clientHeight) return;
    this.readColors(); // a notebook puts the map into its page only now
    this.density = Math.min(window.devicePixelRatio || 1, 2);
    this.size = { width: clientWidth, height: clientHeight };
    for (const canvas of [this.back, this.dots, this.surface]) {
      canvas.width = Math.round(clientWidth * this.density);
      canvas.height = Math.round(clientHeight * this.density);
    }
    this.draw();
  }

  // --- drawing ---

  private draw(): void {
    this.drawDots();
    this.placeCode();
    this.drawMarks();
    this.drawGrid();
  }

  private drawDots(): void {
    const { width, height } = this.dots;
    const context = this.dots.getContext("2d")!;
    const image = context.createImageData(width, height);
    const { palettes, nImages } = this.payload.meta;
    const radius = radiusOf(nImages, this.size) * this.density;
    drawPoints(
      image.data, { width, height }, this.view, this.places, this.payload.colorIndex,
      palettes[this.theme].map(rgb), radius, this.gridOn ? 0.75 : 0.85,
    );
    context.putImageData(image, 0, 0);
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    this.drawTicks(context);
    this.drawClassNames(context);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  private drawTicks(context: CanvasRenderingContext2D): void {
    const { width, height } = this.size;
    context.font = "11px system-ui, sans-serif";
    const text = (words: string, x: number, y: number): void => {
      context.strokeStyle = this.color("--card");
      context.lineWidth = 3;
      context.lineJoin = "round";
      context.fillStyle = this.color("--quiet");
      context.strokeText(words, x, y);
      context.fillText(words, x, y);
    };
    context.textBaseline = "alphabetic";
    context.textAlign = "center";
    for (const value of ticks(this.view.left, this.view.right, width / 110)) {
      const { x } = toScreen(this.view, this.size, { x: value, y: 0 });
      if (x > 24 && x < width - 90) text(short(value).replace(/\.?0+$/, ""), x, height - 8);
    }
    const flat = this.payload.meta.latentDim === 1;
    context.textAlign = "left";
    for (const value of flat ? [] : ticks(this.view.bottom, this.view.top, height / 90)) {
      const { y } = toScreen(this.view, this.size, { x: 0, y: value });
      if (y > 40 && y < height - 24) text(short(value).replace(/\.?0+$/, ""), 8, y + 4);
    }
    const [nameX, nameY] = this.payload.meta.mapAxisNames;
    context.textAlign = "right";
    text(nameX, width - 10, height - 8);
    context.textAlign = "left";
    if (!flat) text(nameY, 8, 18);
  }

  private drawClassNames(context: CanvasRenderingContext2D): void {
    const { classes } = this.payload.meta;
    if (!classes || classes.length < 2 || this.payload.meta.latentDim === 1) return;
    context.font = "700 15px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    const spots = this.classSpots(classes.length);
    const width = 9 * Math.max(...classes.map((name) => String(name).length)) + 6;
    const at = apart(spots.map((spot) => toScreen(this.view, this.size, spot)), width, 17);
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = this.color("--card");
    context.fillStyle = this.color("--ink");
    spots.forEach(({ index }, i) => {
      context.strokeText(String(classes[index]), at[i].x, at[i].y);
      context.fillText(String(classes[index]), at[i].x, at[i].y);
    });
  }

  /** Return the median place of each class. */
  private classSpots(count: number): (Point & { index: number })[] {
    const members = Array.from({ length: count }, () => [[], []] as [number[], number[]]);
    this.payload.colorIndex.forEach((color, i) => {
      members[color][0].push(this.places[2 * i]);
      members[color][1].push(this.places[2 * i + 1]);
    });
    return members.flatMap(([xs, ys], index) =>
      xs.length ? [{ x: quantiles(xs, 0.5)[0], y: quantiles(ys, 0.5)[0], index }] : [],
    );
  }

  private drawMarks(): void {
    const context = this.surface.getContext("2d")!;
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, this.size.width, this.size.height);
    const accent = this.color("--accent");
    const card = this.color("--card");
    const ends = this.marks.ends.map((place) => toScreen(this.view, this.size, place));
    if (ends.length === 2) {
      for (const [color, width] of [[card, 5], [accent, 2]] as const) {
        context.strokeStyle = color;
        context.lineWidth = width;
        context.beginPath();
        context.moveTo(ends[0].x, ends[0].y);
        context.lineTo(ends[1].x, ends[1].y);
        context.stroke();
      }
    }
    const badge = (at: Point, text: string, color: string): void => {
      context.beginPath();
      context.arc(at.x, at.y, 10, 0, 2 * Math.PI);
      context.fillStyle = color;
      context.strokeStyle = card;
      context.lineWidth = 2;
      context.fill();
      context.stroke();
      context.fillStyle = card;
      context.font = "700 11px system-ui, sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(text, at.x, at.y + 0.5);
    };
    ends.forEach((at, i) => badge(at, "AB"[i], accent));
    if (this.marks.own) {
      badge(toScreen(this.view, this.size, this.marks.own), "\u2605", this.color("--second"));
    }
  }

  private placeCode(): void {
    const { x, y } = toScreen(this.view, this.size, this.marks.code);
    this.code.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }

  private color(name: ColorName): string {
    return this.colors[name];
  }

  /** Note the colours of the page: to ask for them in every drawing would lay out the page anew. */
  private readColors(): void {
    const style = getComputedStyle(this.element);
    for (const name of COLORS) this.colors[name] = style.getPropertyValue(name).trim() || "#888888";
  }

  /** Decode the background in rows, and stop when the view has changed meanwhile. */
  private drawGrid(): void {
    const turn = ++this.gridTurn;
    this.gridDone = false;
    window.clearTimeout(this.gridTimer);
    const context = this.back.getContext("2d")!;
    context.clearRect(0, 0, this.back.width, this.back.height);
    if (!this.gridOn) return;
    this.gridTimer = window.setTimeout(() => void this.decodeGrid(turn, context), 120);
  }

  private async decodeGrid(turn: number, context: CanvasRenderingContext2D): Promise<void> {
    const columns = Math.max(2, Math.round(this.size.width / CELL));
    const rows = Math.max(2, Math.round(this.size.height / CELL));
    const cell = { width: this.back.width / columns, height: this.back.height / rows };
    const shape = this.payload.meta.imageShape;
    const n = shape[0] * shape[1] * shape[2];
    const ink = rgb(this.color("--ink"));
    const paper = this.payload.meta.border > 0.5 ? 1 : 0;
    for (let row = 0; row < rows; row++) {
      const places = Array.from({ length: columns }, (_, column) =>
        toPlace(this.view, this.size, {
          x: ((column + 0.5) / columns) * this.size.width,
          y: ((row + 0.5) / rows) * this.size.height,
        }),
      );
      const images = await this.events.decode(places);
      if (turn !== this.gridTurn) return;
      context.globalAlpha = 0.5;
      for (let column = 0; column < columns; column++) {
        const image = images.subarray(column * n, (column + 1) * n);
        const gray = shape[2] !== 3 && shape[2] !== 4;
        const pixels = gray ? toInk(image, shape, ink, paper) : toRgba(image, shape);
        const picture = toCanvas(pixels, shape);
        context.drawImage(
          picture, column * cell.width, row * cell.height, cell.width, cell.height,
        );
      }
      await new Promise((resume) => setTimeout(resume)); // the pointer comes first
    }
    this.gridDone = true;
  }

  // --- pointer and keyboard ---

  private listen(): void {
    const { surface } = this;
    surface.addEventListener("pointerdown", (event) => this.down(event));
    surface.addEventListener("pointermove", (event) => this.moveTo(event));
    surface.addEventListener("pointerup", (event) => this.up(event));
    surface.addEventListener("pointercancel", (event) => this.release(event));
    surface.addEventListener("pointerleave", () => this.events.hover(-1, { x: 0, y: 0 }));
    surface.addEventListener("keydown", (event) => this.key(event));
    surface.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
        event.preventDefault();
        const centre = toPlace(this.view, this.size, this.at(event));
        this.setView(zoomed(this.view, centre, Math.exp(-event.deltaY / 200)));
      },
      { passive: false },
    );
  }

  private at(event: MouseEvent): Point {
    const box = this.surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.surface.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    this.start = this.pointers.size === 1 ? this.at(event) : null;
    this.dragged = false;
  }

  private moveTo(event: PointerEvent): void {
    const at = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hoverAt(at, event.pointerType);
      return;
    }
    if (this.pointers.size === 2) {
      this.pinch(event.pointerId, before, at);
      return;
    }
    this.pointers.set(event.pointerId, at);
    if (!this.start) return;
    if (!this.dragged && Math.hypot(at.x - this.start.x, at.y - this.start.y) < CLICK) return;
    this.dragged = true;
    this.events.hover(-1, at);
    this.events.move(toPlace(this.view, this.size, at));
  }

  private pinch(id: number, before: Point, at: Point): void {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const factor =
      Math.hypot(at.x - other.x, at.y - other.y) /
      Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    const fixed = toPlace(this.view, this.size, other);
    this.pointers.set(id, at);
    this.setView(zoomed(this.view, fixed, factor));
  }

  private up(event: PointerEvent): void {
    const clicked = this.start !== null && !this.dragged && this.pointers.has(event.pointerId);
    this.release(event);
    if (!clicked) return;
    const at = this.at(event);
    const index = this.nearestTo(at, event.pointerType);
    if (index >= 0) {
      this.events.pick(index);
      this.events.hover(index, at);
    } else {
      this.events.hover(-1, at);
      this.events.move(toPlace(this.view, this.size, at));
    }
  }

  private release(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    this.start = null;
  }

  private hoverAt(at: Point, kind: string): void {
    this.events.hover(this.nearestTo(at, kind), at);
  }

  private nearestTo(at: Point, kind: string): number {
    return nearest(this.places, this.view, this.size, at, kind === "touch" ? 20 : 8);
  }

  private key(event: KeyboardEvent): void {
    const step = (event.shiftKey ? 0.05 : 0.01) * (this.view.right - this.view.left);
    const high = (event.shiftKey ? 0.05 : 0.01) * (this.view.top - this.view.bottom);
    const { code } = this.marks;
    const steps: Record<string, Point> = {
      ArrowLeft: { x: -step, y: 0 },
      ArrowRight: { x: step, y: 0 },
      ArrowUp: { x: 0, y: high },
      ArrowDown: { x: 0, y: -high },
    };
    const by = steps[event.key];
    if (by) this.events.move({ x: code.x + by.x, y: code.y + by.y });
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.show(null);
    else return;
    event.preventDefault();
    this.keepInView();
  }

  private keepInView(): void {
    const at = toScreen(this.view, this.size, this.marks.code);
    const by = { x: 0, y: 0 };
    if (at.x < 0 || at.x > this.size.width) {
      by.x = this.marks.code.x - (this.view.left + this.view.right) / 2;
    }
    if (at.y < 0 || at.y > this.size.height) {
      by.y = this.marks.code.y - (this.view.bottom + this.view.top) / 2;
    }
    if (by.x || by.y) this.setView(moved(this.view, by));
  }
}
