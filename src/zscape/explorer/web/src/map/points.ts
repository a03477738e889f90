// Thousands of points, drawn faster than a canvas draws discs.

import type { Size, View } from "./view";

/** RGBA bytes, such as ImageData. */
interface Pixels extends Size {
  data: Uint8ClampedArray;
}

/** Return the radius in pixels of the screen of one of `n` points. */
export function radiusOf(n: number, size: Size): number {
  const room = Math.sqrt((size.width * size.height) / Math.max(1, n));
  return Math.min(4.5, Math.max(1.1, 0.17 * room));
}

/** Draw points as soft discs into an image, where they lie wholly inside. */
export function drawPoints(
  { data: pixels, width, height }: Pixels,
  view: View,
  places: Float32Array,
  colors: Uint8Array,
  palette: [number, number, number][],
  radius: number,
  opacity: number,
): void {
  const reach = Math.ceil(radius);
  const side = 2 * reach + 1;
  const disc = softDisc(radius, opacity);
  const kx = width / (view.right - view.left);
  const ky = height / (view.top - view.bottom);
  for (let i = 0; i < colors.length; i++) {
    const cx = Math.round((places[2 * i] - view.left) * kx);
    const cy = Math.round((view.top - places[2 * i + 1]) * ky);
    if (cx < reach || cy < reach || cx >= width - reach || cy >= height - reach) continue;
    const [red, green, blue] = palette[colors[i]];
    let tap = 0;
    for (let y = cy - reach; y <= cy + reach; y++) {
      let at = 4 * (y * width + cx - reach);
      for (let x = 0; x < side; x++, at += 4) {
        const cover = disc[tap++];
        if (cover === 0) continue;
        const below = pixels[at + 3] / 255;
        const alpha = cover + below * (1 - cover);
        const share = cover / alpha;
        pixels[at] += (red - pixels[at]) * share;
        pixels[at + 1] += (green - pixels[at + 1]) * share;
        pixels[at + 2] += (blue - pixels[at + 2]) * share;
        pixels[at + 3] = 255 * alpha;
      }
    }
  }
}

/** Return how far a disc covers each pixel of the smallest square around it, row by row. */
function softDisc(radius: number, opacity: number): number[] {
  const reach = Math.ceil(radius);
  const cover: number[] = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      cover.push(opacity * Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y))));
    }
  }
  return cover;
}
