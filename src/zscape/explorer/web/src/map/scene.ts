// The points of the map, with the numbers at its edges and the names of classes.

import type { Payload } from "../data/payload";
import { rgb } from "../data/pixels";
import { context2d } from "../dom";
import type { Point } from "../space";
import { quantiles } from "../space";
import { cut, short } from "../text";
import { FONT, type Frame } from "./frame";
import { drawPoints, radiusOf } from "./points";
import { apart, ticks, toScreen } from "./view";

const MAX_NAME = 14; // letters of a class name on the map; the legend has all of them

interface ClassSpot extends Point {
  name: string;
}

export class Scene {
  private readonly spots: ClassSpot[];

  /** `places` are those of all images, x and y in turn. */
  constructor(
    private readonly payload: Payload,
    private readonly places: Float32Array,
  ) {
    this.spots = classSpots(payload, places);
  }

  /** Draw everything onto a canvas. */
  draw(canvas: HTMLCanvasElement, frame: Frame, opacity: number): void {
    const context = context2d(canvas);
    const { view, density } = frame;
    const { meta, colorIndex } = this.payload;
    const image = context.createImageData(canvas.width, canvas.height);
    const palette = meta.palettes[frame.theme].map(rgb);
    const radius = radiusOf(meta.nImages, frame.size) * density;
    drawPoints(image, view, this.places, colorIndex, palette, radius, opacity);
    context.putImageData(image, 0, 0);
    context.setTransform(density, 0, 0, density, 0, 0);
    context.lineJoin = "round";
    context.strokeStyle = frame.colors["--card"];
    this.drawTicks(context, frame);
    this.drawClassNames(context, frame);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  private drawTicks(context: CanvasRenderingContext2D, { view, size, colors }: Frame): void {
    const { width, height } = size;
    const { latentDim, mapAxisNames } = this.payload.meta;
    const [nameX, nameY] = mapAxisNames;
    const round = (value: number): string => short(value).replace(/\.?0+$/, "");
    context.font = `11px ${FONT}`;
    context.textBaseline = "alphabetic";
    context.lineWidth = 3;
    context.fillStyle = colors["--quiet"];
    context.textAlign = "right";
    write(context, nameX, width - 10, height - 8);
    const free = width - 10 - context.measureText(nameX).width - 24;
    context.textAlign = "center";
    for (const value of ticks(view.left, view.right, width / 110)) {
      const { x } = toScreen(view, size, { x: value, y: 0 });
      if (x > 24 && x < free) write(context, round(value), x, height - 8);
    }
    if (latentDim === 1) return;
    context.textAlign = "left";
    write(context, nameY, 8, 18);
    for (const value of ticks(view.bottom, view.top, height / 90)) {
      const { y } = toScreen(view, size, { x: 0, y: value });
      if (y > 40 && y < height - 24) write(context, round(value), 8, y + 4);
    }
  }

  private drawClassNames(context: CanvasRenderingContext2D, { view, size, colors }: Frame): void {
    context.font = `700 15px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 4;
    context.fillStyle = colors["--ink"];
    const at = apart(
      this.spots.map((spot) => toScreen(view, size, spot)),
      this.spots.map(({ name }) => context.measureText(name).width + 6),
      17,
    );
    this.spots.forEach(({ name }, i) => {
      write(context, name, at[i].x, at[i].y);
    });
  }
}

function write(context: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

/** Return the median place of each class that has an image. */
function classSpots({ meta, colorIndex }: Payload, places: Float32Array): ClassSpot[] {
  const { classes, latentDim } = meta;
  if (!classes || classes.length < 2 || latentDim === 1) return [];
  const xs: number[][] = classes.map(() => []);
  const ys: number[][] = classes.map(() => []);
  colorIndex.forEach((color, i) => {
    xs[color].push(places[2 * i]);
    ys[color].push(places[2 * i + 1]);
  });
  return classes.flatMap((name, i) =>
    name !== null && xs[i].length // images without a label have no place of their own
      ? [
          {
            name: cut(String(name), MAX_NAME),
            x: quantiles(xs[i], 0.5)[0],
            y: quantiles(ys[i], 0.5)[0],
          },
        ]
      : [],
  );
}
