// The way between two codes: decoded images side by side, played or dragged.

import { el } from "./dom";
import { toCanvas, toRgba } from "./pixels";
import type { Shape } from "./pixels";
import type { Code } from "./space";
import { between } from "./space";

const N = 11; // images of the strip
const SECONDS = 4; // from one end to the other

export class Strip {
  readonly element: HTMLElement;
  private readonly canvas = el("canvas", { className: "strip", "aria-hidden": "true" });
  private readonly range: HTMLInputElement;
  private readonly play: HTMLButtonElement;
  private readonly hint: HTMLElement;
  private readonly body: HTMLElement;
  private ends: [Code, Code] | null = null;
  private frame = 0;
  private turn = 0;

  constructor(
    private readonly shape: Shape,
    private readonly decode: (codes: Float32Array) => Promise<Float32Array>,
    private readonly changed: (code: Code) => void,
    cleared: () => void,
  ) {
    this.range = el("input", {
      type: "range", min: "0", max: "1", step: "0.001", value: "0",
      "aria-label": "Position between A and B",
      oninput: () => {
        this.stop();
        this.go(Number(this.range.value));
      },
    });
    this.play = el("button", { type: "button", onclick: () => this.toggle() }, "Play");
    const clear = el("button", { type: "button", onclick: cleared }, "Clear");
    this.hint = el("p", { className: "hint" });
    this.body = el(
      "div",
      { className: "strip-body", hidden: true },
      el("div", { className: "strip-frame" }, this.canvas, this.range),
    );
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.scrub(event);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (this.canvas.hasPointerCapture(event.pointerId)) this.scrub(event);
    });
    const tools = el("div", { className: "tools" }, this.play, clear);
    this.element = el(
      "section",
      { className: "card panel-strip", "aria-label": "Interpolation" },
      el("div", { className: "head" }, el("h2", {}, "From A to B"), tools),
      this.hint,
      this.body,
    );
    this.show([]);
  }

  /** Show the way between two codes, or what to do when there are fewer. */
  async show(ends: Code[]): Promise<void> {
    this.stop();
    const turn = ++this.turn;
    this.ends = ends.length === 2 ? [ends[0], ends[1]] : null;
    this.hint.textContent =
      ends.length === 0
        ? "Click a point of the map, then another: the way between them appears here."
        : "That is A. Now click a second point.";
    this.hint.hidden = ends.length === 2;
    this.body.hidden = ends.length !== 2;
    this.play.parentElement!.hidden = ends.length === 0;
    this.play.hidden = ends.length !== 2;
    if (!this.ends) return;
    this.range.value = "1";
    const [from, to] = this.ends;
    const codes = new Float32Array(N * from.length);
    for (let i = 0; i < N; i++) codes.set(between(from, to, i / (N - 1)), i * from.length);
    const images = await this.decode(codes);
    if (turn === this.turn) this.paint(images);
  }

  /** Play or stop. */
  toggle(): void {
    if (this.frame) this.stop();
    else if (this.ends) this.start();
  }

  private paint(images: Float32Array): void {
    const [height, width] = this.shape;
    const n = images.length / N;
    this.canvas.width = N * width;
    this.canvas.height = height;
    const context = this.canvas.getContext("2d")!;
    for (let i = 0; i < N; i++) {
      const rgba = toRgba(images.subarray(i * n, (i + 1) * n), this.shape);
      context.drawImage(toCanvas(rgba, this.shape), i * width, 0);
    }
  }

  private scrub(event: PointerEvent): void {
    this.stop();
    const box = this.canvas.getBoundingClientRect();
    // The ends are in the middle of the first and the last image.
    const share = ((event.clientX - box.left) / box.width - 0.5 / N) * (N / (N - 1));
    this.go(Math.min(1, Math.max(0, share)));
  }

  private go(t: number): void {
    if (!this.ends) return;
    this.range.value = String(t);
    this.changed(between(...this.ends, t));
  }

  private start(): void {
    this.play.textContent = "Pause";
    const t = Number(this.range.value);
    const begin = performance.now() - (t >= 1 ? 1 : t) * SECONDS * 1000;
    const step = (now: number): void => {
      const way = ((now - begin) / (SECONDS * 1000)) % 2; // there and back
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
