// The path between two codes: decoded images side by side, played or dragged.

import type { Models } from "../data/models";
import { type Shape, toCanvas, toRgba } from "../data/pixels";
import { button, context2d, el, panel } from "../dom";
import { between, type Code } from "../space";
import type { State } from "../state";

const N = 11; // images of the strip
const DURATION = 4000; // milliseconds from one end to the other

export class Strip {
  readonly element: HTMLElement;
  private readonly canvas = el("canvas", { className: "strip", ariaHidden: "true" });
  private readonly range = el("input", {
    type: "range",
    min: "0",
    max: "1",
    step: "0.001",
    value: "0",
    ariaLabel: "Position between A and B",
    oninput: () => this.seek(Number(this.range.value)),
  });
  private readonly play = button("Play", () => this.toggle());
  private readonly hint = el("p", { className: "hint" });
  private readonly body = el(
    "div",
    { className: "strip-body", hidden: true },
    el("div", { className: "strip-frame" }, this.canvas, this.range),
  );
  private readonly tools: HTMLElement;
  private path: [Code, Code] | null = null;
  private frame = 0;
  private turn = 0;

  constructor(
    private readonly shape: Shape,
    private readonly state: State,
    private readonly models: Models,
  ) {
    const clear = button("Clear", () => state.setEnds([]));
    this.tools = el("div", { className: "tools" }, this.play, clear);
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.scrub(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.canvas.hasPointerCapture(event.pointerId)) this.scrub(event);
    });
    this.element = panel("strip", "From A to B", [this.tools], this.hint, this.body);
    state.watch("ends", () => void this.show());
    void this.show();
  }

  /** Show the path between the two ends, or what to do when there are fewer. */
  async show(): Promise<void> {
    const turn = ++this.turn;
    const [from, to] = this.state.ends;
    this.stop();
    this.path = from && to ? [from, to] : null;
    this.hint.textContent = from
      ? "That is A. Now click a second point."
      : "Click a point of the map, then another: the path between them appears here.";
    this.hint.hidden = this.path !== null;
    this.body.hidden = this.play.hidden = this.path === null;
    this.tools.hidden = !from;
    if (!this.path || !this.models.ready) return;
    this.range.value = "1";
    const images = await this.models.decode(stepsBetween(...this.path));
    if (turn === this.turn) this.paint(images);
  }

  /** Play or stop. */
  toggle(): void {
    if (this.frame) this.stop();
    else if (this.path) this.start();
  }

  private paint(images: Float32Array): void {
    const [height, width] = this.shape;
    const n = images.length / N;
    this.canvas.width = N * width;
    this.canvas.height = height;
    const context = context2d(this.canvas);
    for (let i = 0; i < N; i++) {
      const rgba = toRgba(images.subarray(i * n, (i + 1) * n), this.shape);
      context.drawImage(toCanvas(rgba, this.shape), i * width, 0);
    }
  }

  private scrub(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    // The ends are in the middle of the first and the last image.
    const share = ((event.clientX - box.left) / box.width - 0.5 / N) * (N / (N - 1));
    this.seek(Math.min(1, Math.max(0, share)));
  }

  private seek(share: number): void {
    this.stop();
    this.go(share);
  }

  private go(share: number): void {
    if (!this.path) return;
    this.range.value = String(share);
    this.state.setCode(between(...this.path, share));
  }

  private start(): void {
    this.play.textContent = "Pause";
    const begin = performance.now() - Number(this.range.value) * DURATION;
    const step = (now: number): void => {
      const way = ((now - begin) / DURATION) % 2; // there and back
      this.go(way > 1 ? 2 - way : Math.max(0, way));
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  private stop(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.play.textContent = "Play";
  }
}

/** Return N codes (N, d) in equal steps from one to another. */
function stepsBetween(from: Code, to: Code): Float32Array {
  const codes = new Float32Array(N * from.length);
  for (let i = 0; i < N; i++) codes.set(between(from, to, i / (N - 1)), i * from.length);
  return codes;
}
