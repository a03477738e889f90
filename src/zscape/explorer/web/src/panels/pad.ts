// A field to draw in with mouse, pen or finger.

import { type Shape, shrunk } from "../data/pixels";
import { context2d, el } from "../dom";
import type { Point } from "../space";

const SIDE = 280; // pixels of the longer side of the drawing

export class Pad {
  readonly element: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly paper: string;
  private readonly ink: string;
  private last: Point | null = null;
  private empty = true;

  /** `dark`: whether the drawing is white on black, as MNIST. `changed` gets RGBA bytes. */
  constructor(
    private readonly shape: Shape,
    dark: boolean,
    private readonly changed: (pixels: Uint8ClampedArray) => void,
  ) {
    [this.paper, this.ink] = dark ? ["#000000", "#ffffff"] : ["#ffffff", "#000000"];
    const [height, width] = shape;
    const scale = SIDE / Math.max(height, width);
    this.element = el("canvas", {
      className: "pad",
      width: Math.round(width * scale),
      height: Math.round(height * scale),
      role: "img",
      ariaLabel: "Field to draw in with the mouse, a pen or a finger",
      onpointerdown: (event) => {
        this.element.setPointerCapture(event.pointerId);
        this.last = this.at(event);
        this.stroke(event);
      },
      onpointermove: (event) => {
        for (const one of coalesced(event)) this.stroke(one);
      },
      onpointerup: () => this.lift(),
      onpointercancel: () => this.lift(),
    });
    this.context = context2d(this.element);
    this.clear();
  }

  /** Make the field empty. */
  clear(): void {
    this.fill();
    this.empty = true;
    const { context } = this;
    context.save();
    context.fillStyle = this.ink;
    context.globalAlpha = 0.5;
    context.font = "22px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("Draw here", this.element.width / 2, this.element.height / 2 + 8);
    context.restore();
  }

  private fill(): void {
    this.context.fillStyle = this.paper;
    this.context.fillRect(0, 0, this.element.width, this.element.height);
  }

  /** Return the drawing at the size of an image, as RGBA bytes. */
  private pixels(): Uint8ClampedArray {
    const [height, width] = this.shape;
    const small = shrunk(this.element, width, height);
    return context2d(small).getImageData(0, 0, width, height).data;
  }

  private at(event: PointerEvent): Point {
    const box = this.element.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.element.width,
      y: ((event.clientY - box.top) / box.height) * this.element.height,
    };
  }

  private lift(): void {
    this.last = null;
  }

  private stroke(event: PointerEvent): void {
    if (!this.last) return;
    if (this.empty) this.fill(); // over the words
    this.empty = false;
    const at = this.at(event);
    const { context } = this;
    context.strokeStyle = this.ink;
    context.lineWidth = SIDE / 12;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(this.last.x, this.last.y);
    context.lineTo(at.x + 0.01, at.y); // a dot is a very short line
    context.stroke();
    this.last = at;
    this.changed(this.pixels());
  }
}

function coalesced(event: PointerEvent): PointerEvent[] {
  const events = event.getCoalescedEvents?.() ?? [];
  return events.length ? events : [event];
}
