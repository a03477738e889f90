// Images as arrays of numbers: to the screen, and from a picture that somebody brings.

import { context2d, el } from "../dom";

export type Shape = [height: number, width: number, channels: number];

/** Return RGBA bytes of an image of numbers in [0, 1], or in [0, `top`]. */
export function toRgba(
  image: ArrayLike<number>,
  [height, width, channels]: Shape,
  top = 1,
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * height * width);
  const scale = 255 / top;
  for (let i = 0; i < height * width; i++) {
    const at = i * channels;
    for (let c = 0; c < 3; c++) {
      let value: number;
      if (channels === 3) value = image[at + c];
      else if (channels === 4) {
        const opacity = image[at + 3] / top; // laid over white
        value = image[at + c] * opacity + (1 - opacity) * top;
      } else {
        value = 0;
        for (let k = 0; k < channels; k++) value += image[at + k] / channels;
      }
      rgba[4 * i + c] = value * scale;
    }
    rgba[4 * i + 3] = 255;
  }
  return rgba;
}

/** Return RGBA bytes that show an image as ink of one colour, clear where nothing is drawn. */
export function toInk(
  image: ArrayLike<number>,
  [height, width, channels]: Shape,
  ink: [number, number, number],
  paper: number,
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * height * width);
  for (let i = 0; i < height * width; i++) {
    let value = 0;
    for (let k = 0; k < channels; k++) value += image[i * channels + k] / channels;
    rgba.set([...ink, 255 * Math.abs(value - paper)], 4 * i);
  }
  return rgba;
}

/** Return an image (H, W, C) in [0, 1] of RGBA bytes of the same size, as Python reads pictures. */
export function fromRgba(rgba: ArrayLike<number>, channels: number, invert: boolean): Float32Array {
  const n = rgba.length / 4;
  const image = new Float32Array(n * channels);
  for (let i = 0; i < n; i++) {
    const opacity = rgba[4 * i + 3] / 255;
    const colour = [0, 1, 2].map((c) => {
      const value = (rgba[4 * i + c] / 255) * opacity + (channels === 4 ? 0 : 1 - opacity);
      return invert ? 1 - value : value;
    });
    // Luma as in ITU-R BT.601, which Pillow takes too.
    if (channels === 1) image[i] = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
    else for (let c = 0; c < 3; c++) image[i * channels + c] = colour[c];
    if (channels === 4) image[4 * i + 3] = opacity;
  }
  return image;
}

/** Return how bright the border of an image (H, W, C) is, in [0, 1]. */
export function borderOf(image: Float32Array, [height, width, channels]: Shape): number {
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (y > 0 && x > 0 && y < height - 1 && x < width - 1) continue;
      for (let c = 0; c < Math.min(channels, 3); c++) {
        sum += image[(y * width + x) * channels + c];
        count++;
      }
    }
  }
  return sum / count;
}

/** Return a canvas of RGBA bytes, one pixel for a pixel. */
export function toCanvas(rgba: Uint8ClampedArray<ArrayBuffer>, shape: Shape): HTMLCanvasElement {
  return put(el("canvas"), rgba, shape);
}

/** Paint an image of numbers in [0, `top`] onto a canvas, which gets its size. */
export function paint(
  canvas: HTMLCanvasElement,
  image: ArrayLike<number>,
  shape: Shape,
  top = 1,
): HTMLCanvasElement {
  return put(canvas, toRgba(image, shape, top), shape);
}

function put(
  canvas: HTMLCanvasElement,
  rgba: Uint8ClampedArray<ArrayBuffer>,
  [height, width]: Shape,
): HTMLCanvasElement {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context2d(canvas).putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

/** Return a colour such as #1f5a94 as three numbers to 255. */
export function rgb(hex: string): [number, number, number] {
  const value = parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** Read a picture file and shrink it to H by W; throws an Error with one clear sentence. */
export async function readPicture(
  file: Blob,
  name: string,
  [height, width]: Shape,
): Promise<{ rgba: Uint8ClampedArray; size: [number, number] }> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${name} cannot be read as a picture; give a PNG, JPEG or WebP file.`);
  }
  const size: [number, number] = [bitmap.width, bitmap.height];
  try {
    const canvas = shrunk(bitmap, width, height);
    const context = context2d(canvas, { willReadFrequently: true });
    return { rgba: context.getImageData(0, 0, width, height).data, size };
  } finally {
    bitmap.close();
  }
}

/** Return a picture drawn at width by height, halved as often as that takes: nothing is skipped. */
export function shrunk(
  source: ImageBitmap | HTMLCanvasElement,
  width: number,
  height: number,
): HTMLCanvasElement {
  let from: ImageBitmap | HTMLCanvasElement = source;
  for (;;) {
    const w = Math.max(width, Math.ceil(from.width / 2));
    const h = Math.max(height, Math.ceil(from.height / 2));
    const last = from.width <= 2 * width && from.height <= 2 * height;
    const canvas = el("canvas", { width: last ? width : w, height: last ? height : h });
    const context = context2d(canvas, { willReadFrequently: last });
    context.imageSmoothingQuality = "high";
    context.drawImage(from, 0, 0, canvas.width, canvas.height);
    if (last) return canvas;
    from = canvas;
  }
}
