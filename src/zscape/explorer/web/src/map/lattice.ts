// The latent grid: decoded images behind the points of the map.

import type { Models } from "../data/models";
import type { Payload } from "../data/payload";
import { rgb, toCanvas, toInk, toRgba } from "../data/pixels";
import { context2d, el } from "../dom";
import type { Point, Space } from "../space";
import type { Frame } from "./frame";
import { toPlace } from "./view";

const CELL = 44; // pixels of an image
const WAIT = 120; // milliseconds after the last change of the view

export class Lattice {
  readonly canvas = el("canvas", { className: "layer", ariaHidden: "true" });
  on = false;
  /** Whether all images are drawn. */
  done = false;
  private turn = 0;
  private timer = 0;

  constructor(
    private readonly payload: Payload,
    private readonly space: Space,
    private readonly models: Models,
  ) {}

  /** Draw it anew in a moment. */
  draw(frame: Frame): void {
    const turn = ++this.turn;
    this.done = false;
    window.clearTimeout(this.timer);
    context2d(this.canvas).clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.on) this.timer = window.setTimeout(() => void this.drawRows(turn, frame), WAIT);
  }

  /** Decode row by row, and stop when the view has changed meanwhile. */
  private async drawRows(turn: number, { view, size, colors }: Frame): Promise<void> {
    const context = context2d(this.canvas);
    const columns = Math.max(2, Math.round(size.width / CELL));
    const rows = Math.max(2, Math.round(size.height / CELL));
    const width = this.canvas.width / columns;
    const height = this.canvas.height / rows;
    const ink = rgb(colors["--ink"]);
    context.globalAlpha = 0.5;
    for (let row = 0; row < rows; row++) {
      const places = Array.from({ length: columns }, (_, column) =>
        toPlace(view, size, {
          x: ((column + 0.5) / columns) * size.width,
          y: ((row + 0.5) / rows) * size.height,
        }),
      );
      const images = await this.decode(places);
      if (turn !== this.turn) return;
      images.forEach((image, column) => {
        context.drawImage(this.picture(image, ink), column * width, row * height, width, height);
      });
      await new Promise((resume) => setTimeout(resume)); // the pointer comes first
    }
    this.done = true;
  }

  private async decode(places: Point[]): Promise<Float32Array[]> {
    // Through the mean: the grid is of the plane of the map, not of the code shown.
    const codes = places.flatMap((place) => [...this.space.movedTo(this.payload.mean, place)]);
    const images = await this.models.decode(Float32Array.from(codes));
    const n = images.length / places.length;
    return places.map((_, i) => images.subarray(i * n, (i + 1) * n));
  }

  private picture(image: Float32Array, ink: [number, number, number]): HTMLCanvasElement {
    const { imageShape, border } = this.payload.meta;
    const inColor = imageShape[2] === 3 || imageShape[2] === 4;
    const paper = border > 0.5 ? 1 : 0;
    return toCanvas(
      inColor ? toRgba(image, imageShape) : toInk(image, imageShape, ink, paper),
      imageShape,
    );
  }
}
