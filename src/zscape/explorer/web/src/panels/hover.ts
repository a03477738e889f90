// The card beside the pointer: an image of the map and what the model makes of it.

import type { Models } from "../data/models";
import type { Payload } from "../data/payload";
import { paint } from "../data/pixels";
import { el } from "../dom";
import { meanSquaredError, type Point, type Space } from "../space";
import { errorText, labelText } from "../text";

const AWAY = 18; // pixels from the pointer
const EDGE = 8;

export class HoverCard {
  readonly element = el("div", { className: "hover", hidden: true });
  private index = -1;

  constructor(
    private readonly payload: Payload,
    private readonly space: Space,
    private readonly models: Models,
  ) {}

  /** Show image `index` at a point of the map; nothing when it is -1. */
  async show(index: number, at: Point): Promise<void> {
    const before = this.index;
    this.index = index;
    if (index < 0) {
      this.element.hidden = true;
      return;
    }
    this.place(at);
    if (index === before) return;
    const content = await this.content(index);
    if (this.index !== index) return; // the pointer has gone on meanwhile
    this.element.replaceChildren(...content);
    this.element.hidden = false;
    this.place(at);
  }

  private async content(index: number): Promise<HTMLElement[]> {
    const { meta, images } = this.payload;
    const n = images.length / meta.nImages;
    const pixels = images.subarray(index * n, (index + 1) * n);
    const pictures = [figure("Image", paint(el("canvas"), pixels, meta.imageShape, 255))];
    let error = "";
    if (this.models.ready) {
      const decoded = await this.models.decode(this.space.code(index));
      pictures.push(figure("Decoded", paint(el("canvas"), decoded, meta.imageShape)));
      error = errorText(
        meanSquaredError(
          Float32Array.from(pixels, (v) => v / 255),
          decoded,
        ),
      );
    }
    const name = el("strong", {}, this.nameOf(index));
    return [
      el("div", { className: "pair" }, ...pictures),
      el("p", {}, name, ` #${index} `, el("span", {}, error)),
    ];
  }

  private nameOf(index: number): string {
    const { labels } = this.payload.meta;
    return labels ? labelText(labels[index]) : "Image";
  }

  /** Put the card beside the pointer, inside the map. */
  private place(at: Point): void {
    const room = this.element.parentElement;
    if (!room) return;
    const { offsetWidth, offsetHeight } = this.element;
    const right = at.x + AWAY;
    const left = right + offsetWidth > room.clientWidth ? at.x - AWAY - offsetWidth : right;
    const lowest = room.clientHeight - offsetHeight - EDGE;
    const top = Math.min(at.y - offsetHeight / 2, lowest);
    this.element.style.left = `${Math.max(EDGE, left)}px`;
    this.element.style.top = `${Math.max(EDGE, top)}px`;
  }
}

/** Make a picture with words below it. */
export function figure(caption: string, picture: HTMLElement): HTMLElement {
  return el("figure", {}, picture, el("figcaption", {}, caption));
}
