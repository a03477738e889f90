// A field to draw in with mouse, pen or finger.

import { el } from "./dom";
import type { Shape } from "./pixels";
import { shrunk } from "./pixels";

const SIDE = 280; // pixels of the longer side of the drawing

export class Pad {
  readonly element: HTMLCanvasElement;
  private last: { x: number; y: number } | null = null;
  private empty = true;

  /** `paper` and `ink` are the colours of the data: MNIST is white on black. */
  constructor(
    private readonly shape: Shape,
    private readonly paper: string,
    private readonly ink: string,
    private readonly changed: () => void,
  ) {
    const [height, width] = shape;
    const scale = SIDE / Math.max(height, width);
    this.element = el("canvas", {
      className: "pad",
      width: Math.round(width * scale),
      height: Math.round(height * scale),
      role: "img",
      "aria-label": "Field to draw in with the mouse, a pen or a finger",
    });
    this.clear();
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      this.last = this.at(event);
      this.stroke(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (this.last) for (const one of coalesced(event)) this.stroke(one);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.element.addEventListener(end, () => (this.last = null));
    }
  }

  /** Make the field empty. */
  clear(): void {
    const context = this.element.getContext("2d")!;
    context.fillStyle = this.paper;
    context.fillRect(0, 0, this.element.width, this.element.height);
    this.empty = true;
    this.hint();
  }

  /** Return the drawing at the size of an image, as RGBA bytes. */
  pixels(): Uint8ClampedArray {
    const [height, width] = this.shape;
    const small = shrunk(this.element, width, height);
    return small.getContext("2d")!.getImageData(0, 0, width, height).data;
  }

  private hint(): void {
    const context = this.element.getContext("2d")!;
    context.save();
    context.fillStyle = this.ink;
    context.globalAlpha = 0.5;
    context.font = "22px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("Draw here", this.element.width / 2, this.element.height / 2 + 8);
    context.restore();
  }

  private at(event: PointerEvent): { x: number; y: number } {
    const box = this.element.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * this.element.width,
      y: ((event.clientY - box.top) / box.height) * this.element.height,
    };
  }

  private stroke(event: PointerEvent): void {
    if (!this.last) return;
    if (this.empty) {
      const { last } = this;
      this.clear();
      const context = this.element.getContext("2d")!;
      context.fillStyle = this.paper;
      context.fillRect(0, 0, this.element.width, this.element.height);
      this.empty = false;
      this.last = last;
    }
    const at = this.at(event);
    const context = this.element.getContext("2d")!;
    context.strokeStyle = this.ink;
    context.lineWidth = SIDE / 12;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(this.last.x, this.last.y);
    context.lineTo(at.x + 0.01, at.y); // a dot is a very short line
    context.stroke();
    this.last = at;
    this.changed();
  }
}

function coalesced(event: PointerEvent): PointerEvent[] {
  const events = event.getCoalescedEvents?.() ?? [];
  return events.length ? events : [event];
}
