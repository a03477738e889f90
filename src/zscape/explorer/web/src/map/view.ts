// The part of the map that is seen, and points drawn into it.

import type { Point } from "../space";
import { quantiles } from "../space";

export interface View {
  left: number;
  right: number;
  bottom: number;
  top: number;
}

export interface Size {
  width: number;
  height: number;
}

const FAR = 1.6; // of the range of nearly all places

/** Return the view of all places (x and y in turn) with a margin; a few far off are left out. */
export function viewOf(places: Float32Array): View {
  const side = (offset: number): [number, number] => {
    const values = places.filter((_, i) => i % 2 === offset);
    let [low, high] = quantiles(values, 0);
    const [from, to] = quantiles(values, 0.002);
    if (to > from && high - low > FAR * (to - from)) [low, high] = [from, to];
    if (!(high > low)) [low, high] = [low - 1, high + 1];
    const margin = 0.07 * (high - low);
    return [low - margin, high + margin];
  };
  const [left, right] = side(0);
  const [bottom, top] = side(1);
  return { left, right, bottom, top };
}

/** Return where a place is on a screen of a size. */
export function toScreen(view: View, size: Size, place: Point): Point {
  return {
    x: ((place.x - view.left) / (view.right - view.left)) * size.width,
    y: ((view.top - place.y) / (view.top - view.bottom)) * size.height,
  };
}

/** Return the place that is seen at a point of the screen. */
export function toPlace(view: View, size: Size, point: Point): Point {
  return {
    x: view.left + (point.x / size.width) * (view.right - view.left),
    y: view.top - (point.y / size.height) * (view.top - view.bottom),
  };
}

/** Return the view `factor` times as near, with `centre` where it was. */
export function zoomed(view: View, centre: Point, factor: number): View {
  return {
    left: centre.x + (view.left - centre.x) / factor,
    right: centre.x + (view.right - centre.x) / factor,
    bottom: centre.y + (view.bottom - centre.y) / factor,
    top: centre.y + (view.top - centre.y) / factor,
  };
}

/** Return the view moved by a way in places. */
export function moved(view: View, by: Point): View {
  return {
    left: view.left + by.x,
    right: view.right + by.x,
    bottom: view.bottom + by.y,
    top: view.top + by.y,
  };
}

/** Return the index of the place nearest to a point of the screen, or -1 beyond `reach` pixels. */
export function nearest(
  places: Float32Array,
  view: View,
  size: Size,
  point: Point,
  reach: number,
): number {
  const at = toPlace(view, size, point);
  const kx = size.width / (view.right - view.left);
  const ky = size.height / (view.top - view.bottom);
  let best = -1;
  let smallest = reach * reach;
  for (let i = 0; i < places.length / 2; i++) {
    const dx = (places[2 * i] - at.x) * kx;
    const dy = (places[2 * i + 1] - at.y) * ky;
    const square = dx * dx + dy * dy;
    if (square < smallest) {
      smallest = square;
      best = i;
    }
  }
  return best;
}

/** Return round numbers for about `count` ticks between two values. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const values: number[] = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return values;
}

/** Return points moved apart until names written at them, of these widths, do not touch. */
export function apart(points: Point[], widths: number[], height: number): Point[] {
  const spots = points.map((point) => ({ ...point }));
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < spots.length; i++) {
      for (let j = 0; j < i; j++) {
        const dx = spots[i].x - spots[j].x;
        const dy = spots[i].y - spots[j].y;
        const overlapX = (widths[i] + widths[j]) / 2 - Math.abs(dx);
        const overlapY = height - Math.abs(dy);
        if (overlapX <= 0 || overlapY <= 0) continue;
        // The shorter way out.
        if (overlapX < overlapY) {
          const push = (overlapX / 2) * (dx >= 0 ? 1 : -1);
          spots[i].x += push;
          spots[j].x -= push;
        } else {
          const push = (overlapY / 2) * (dy >= 0 ? 1 : -1);
          spots[i].y += push;
          spots[j].y -= push;
        }
      }
    }
  }
  return spots;
}
