// The marks on the map: the two ends of a path and one's own image.

import { context2d } from "../dom";
import type { Point } from "../space";
import { FONT, type Frame } from "./frame";
import { toScreen } from "./view";

/** Draw the ends as A and B with a line between them, and one's own image as a star. */
export function drawMarks(
  canvas: HTMLCanvasElement,
  { view, size, density, colors }: Frame,
  ends: Point[],
  own: Point | null,
): void {
  const context = context2d(canvas);
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  const card = colors["--card"];
  const accent = colors["--accent"];
  const at = ends.map((place) => toScreen(view, size, place));
  if (at.length === 2) {
    drawLine(context, at, card, 5);
    drawLine(context, at, accent, 2);
  }
  at.forEach((point, i) => {
    drawBadge(context, point, "AB"[i], accent, card);
  });
  if (own) drawBadge(context, toScreen(view, size, own), "\u2605", colors["--second"], card);
}

function drawLine(
  context: CanvasRenderingContext2D,
  [from, to]: Point[],
  color: string,
  width: number,
): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
}

function drawBadge(
  context: CanvasRenderingContext2D,
  at: Point,
  text: string,
  color: string,
  card: string,
): void {
  context.beginPath();
  context.arc(at.x, at.y, 10, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.strokeStyle = card;
  context.lineWidth = 2;
  context.fill();
  context.stroke();
  context.fillStyle = card;
  context.font = `700 11px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, at.x, at.y + 0.5);
}
