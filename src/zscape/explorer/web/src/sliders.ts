// One slider for each latent variable or principal direction.

import { el, percent, short } from "./dom";
import type { Payload, Slider } from "./payload";
import type { Code, Space } from "./space";

type Kind = "variables" | "directions";

const FIRST = 16; // shown before "show all"
const TUTORIAL = 5; // the other range: from -5 to 5

interface Row {
  input: HTMLInputElement;
  value: HTMLElement;
  lock: HTMLButtonElement;
}

export class Sliders {
  readonly element: HTMLElement;
  private readonly list = el("div", { className: "sliders" });
  private readonly more = el("button", { type: "button", className: "link" }, "Show all");
  private kind: Kind = "variables";
  private wide = false;
  private all = false;
  private rows: Row[] = [];
  private readonly locked = { variables: new Set<number>(), directions: new Set<number>() };
  private code: Code;

  constructor(
    private readonly payload: Payload,
    private readonly space: Space,
    private readonly changed: (code: Code) => void,
    rangeChanged: (reach: number | null) => void,
  ) {
    this.code = Float32Array.from(payload.mean);
    const reset = el("button", { type: "button", onclick: () => this.reset() }, "Reset");
    const randomise = el(
      "button",
      { type: "button", className: "primary", onclick: () => this.randomise() },
      "Randomise",
    );
    const choices: HTMLElement[] = [
      choice("Range", ["Where data lie", "\u22125 to 5"], (index) => {
        this.wide = index === 1;
        this.build();
        rangeChanged(this.wide ? TUTORIAL : null);
      }),
    ];
    if (payload.meta.latentDim > 1) {
      choices.unshift(
        choice("Sliders", ["Latent variables", "Principal directions"], (index) => {
          this.kind = index === 1 ? "directions" : "variables";
          this.build();
        }),
      );
    }
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      this.build();
    });
    this.element = el(
      "section",
      { className: "card panel-sliders", "aria-label": "Code" },
      el("div", { className: "head" }, el("h2", {}, "Code"), reset, randomise),
      el("div", { className: "choices" }, ...choices),
      this.list,
      this.more,
    );
    this.build();
  }

  /** Show a code. */
  show(code: Code): void {
    this.code = code;
    const values = this.values();
    this.rows.forEach(({ input, value }, i) => {
      input.value = String(values[i]);
      value.textContent = short(values[i]);
      input.setAttribute("aria-valuetext", short(values[i]));
    });
  }

  /** Draw a code from the density; what is locked stays. */
  randomise(): void {
    this.replace(this.space.draw());
  }

  /** Go to the mean of all codes; what is locked stays. */
  reset(): void {
    this.replace(Float32Array.from(this.payload.mean));
  }

  private replace(wanted: Code): void {
    const locked = this.locked[this.kind];
    if (this.kind === "variables") {
      this.changed(wanted.map((value, i) => (locked.has(i) ? this.code[i] : value)));
      return;
    }
    const kept = this.space.along(this.code);
    for (const k of locked) wanted = this.space.movedAlong(wanted, k, kept[k]);
    this.changed(wanted);
  }

  private values(): number[] {
    return this.kind === "variables" ? Array.from(this.code) : this.space.along(this.code);
  }

  private build(): void {
    const all = this.payload.meta[this.kind];
    const shown = this.all ? all : all.slice(0, FIRST);
    this.rows = shown.map((slider, i) => this.row(slider, i));
    this.list.replaceChildren(...this.rows.map(({ input }) => input.parentElement!));
    this.more.hidden = all.length <= FIRST;
    this.more.textContent = this.all ? "Show fewer" : `Show all ${all.length}`;
    this.show(this.code);
  }

  private row(slider: Slider, i: number): Row {
    const name = this.kind === "variables" ? `z${i + 1}` : `PC ${i + 1}`;
    const [low, high] = this.wide
      ? [-TUTORIAL, TUTORIAL]
      : slider.high > slider.low
        ? [slider.low, slider.high]
        : [slider.low - 1, slider.high + 1];
    const input = el("input", {
      type: "range",
      min: String(low),
      max: String(high),
      step: "any",
      "aria-label": `${name}, ${percent(slider.share)} of the variance`,
      oninput: () => this.move(i, Number(input.value)),
      onkeydown: (event: KeyboardEvent) => this.key(event, i, (high - low) / 100),
    });
    // Screen readers hear the value from the slider itself.
    const value = el("span", { className: "value", "aria-hidden": "true" });
    const lock = el("button", {
      type: "button",
      className: "lock",
      title: `Lock ${name}: Randomise and Reset leave it`,
      "aria-label": `Lock ${name}`,
      "aria-pressed": String(this.locked[this.kind].has(i)),
      onclick: () => this.toggleLock(i, lock),
    });
    const share = el("span", { className: "share", title: "Share of the variance" });
    share.textContent = percent(slider.share);
    el("div", { className: "slider" }, el("span", { className: "name" }, name), share, input,
      value, lock);
    return { input, value, lock };
  }

  private toggleLock(i: number, lock: HTMLButtonElement): void {
    const locked = this.locked[this.kind];
    if (!locked.delete(i)) locked.add(i);
    lock.setAttribute("aria-pressed", String(locked.has(i)));
  }

  /** Arrow keys: with a step of "any" browsers make steps too small to see. */
  private key(event: KeyboardEvent, i: number, step: number): void {
    const steps: Record<string, number> = {
      ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step,
      PageDown: -10 * step, PageUp: 10 * step,
    };
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const { input } = this.rows[i];
    const value = this.values()[i] + by;
    this.move(i, Math.min(Number(input.max), Math.max(Number(input.min), value)));
  }

  private move(i: number, value: number): void {
    const moved =
      this.kind === "variables"
        ? this.code.map((old, j) => (j === i ? value : old))
        : this.space.movedAlong(this.code, i, value);
    this.changed(moved);
  }
}

/** Make a row of buttons of which one is chosen. */
export function choice(
  label: string,
  names: string[],
  chosen: (index: number) => void,
): HTMLElement {
  const buttons = names.map((name, index) =>
    el(
      "button",
      {
        type: "button",
        "aria-pressed": String(index === 0),
        onclick: () => {
          buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(i === index)));
          chosen(index);
        },
      },
      name,
    ),
  );
  return el("div", { className: "choice", role: "group", "aria-label": label }, ...buttons);
}
