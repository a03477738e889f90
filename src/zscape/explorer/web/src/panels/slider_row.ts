import type { Slider } from "../data/payload";
import { button, el } from "../dom";
import { percent, short } from "../text";

/** One slider with its name, its share of the variance, its value and its lock. */
export class SliderRow {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  // Screen readers hear the value from the slider itself.
  private readonly text = el("span", { className: "value", ariaHidden: "true" });
  private readonly low: number;
  private readonly high: number;
  private value = 0;

  constructor(
    name: string,
    { low, high, share }: Slider,
    locked: boolean,
    private readonly moved: (value: number) => void,
    lockChanged: (on: boolean) => void,
  ) {
    [this.low, this.high] = high > low ? [low, high] : [low - 1, high + 1];
    this.input = el("input", {
      type: "range",
      min: String(this.low),
      max: String(this.high),
      step: "any",
      ariaLabel: `${name}, ${percent(share)} of the variance`,
      oninput: () => moved(Number(this.input.value)),
      onkeydown: (event) => this.key(event),
    });
    const press = (on: boolean): void => {
      lock.ariaPressed = String(on);
    };
    const lock = button(
      "",
      () => {
        const on = lock.ariaPressed !== "true";
        press(on);
        lockChanged(on);
      },
      "lock",
    );
    lock.title = `Lock ${name}: Randomise and Reset leave it`;
    lock.ariaLabel = `Lock ${name}`;
    press(locked);
    this.element = el(
      "div",
      { className: "slider" },
      el("span", { className: "name" }, name),
      el("span", { className: "share", title: "Share of the variance" }, percent(share)),
      this.input,
      this.text,
      lock,
    );
  }

  /** Show a value, which may lie beyond the ends. */
  show(value: number): void {
    this.value = value;
    this.input.value = String(value);
    this.text.textContent = this.input.ariaValueText = short(value);
  }

  /** Arrow keys: with a step of "any" browsers make steps too small to see. */
  private key(event: KeyboardEvent): void {
    const step = (this.high - this.low) / 100;
    const steps: Record<string, number> = {
      ArrowLeft: -step,
      ArrowDown: -step,
      ArrowRight: step,
      ArrowUp: step,
      PageDown: -10 * step,
      PageUp: 10 * step,
    };
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.moved(Math.min(this.high, Math.max(this.low, this.value + by)));
  }
}
