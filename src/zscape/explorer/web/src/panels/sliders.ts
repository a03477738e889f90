// One slider for each latent variable or principal direction.

import type { Payload } from "../data/payload";
import { button, choice, el, panel } from "../dom";
import type { Code } from "../space";
import type { State } from "../state";
import { SliderRow } from "./slider_row";

type Kind = "variables" | "directions";

const FIRST = 16; // shown before "show all"
const TUTORIAL = 5; // the other range: from -5 to 5

export class Sliders {
  readonly element: HTMLElement;
  private readonly list = el("div", { className: "sliders" });
  private readonly more = button("", () => this.toggleAll(), "link");
  private kind: Kind = "variables";
  private wide = false;
  private all = false;
  private rows: SliderRow[] = [];
  private readonly locked = { variables: new Set<number>(), directions: new Set<number>() };

  /** `rangeChanged`: the sliders now go from -reach to reach, or as far as data lie when null. */
  constructor(
    private readonly payload: Payload,
    private readonly state: State,
    rangeChanged: (reach: number | null) => void,
  ) {
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
    this.element = panel(
      "sliders",
      "Code",
      [button("Reset", () => this.reset()), button("Randomise", () => this.randomise(), "primary")],
      el("div", { className: "choices" }, ...choices),
      this.list,
      this.more,
    );
    state.watch("code", () => this.show());
    this.build();
  }

  /** Draw a code from the density; what is locked stays. */
  randomise(): void {
    this.replace(this.state.space.draw());
  }

  /** Go to the mean of all codes; what is locked stays. */
  private reset(): void {
    this.replace(this.payload.mean.slice());
  }

  private replace(wanted: Code): void {
    const { code, space } = this.state;
    const locked = this.locked[this.kind];
    if (this.kind === "variables") {
      this.state.setCode(wanted.map((value, i) => (locked.has(i) ? code[i] : value)));
      return;
    }
    const kept = space.along(code);
    this.state.setCode([...locked].reduce((c, k) => space.movedAlong(c, k, kept[k]), wanted));
  }

  private values(): ArrayLike<number> {
    const { code, space } = this.state;
    return this.kind === "variables" ? code : space.along(code);
  }

  private show(): void {
    const values = this.values();
    this.rows.forEach((row, i) => {
      row.show(values[i]);
    });
  }

  private toggleAll(): void {
    this.all = !this.all;
    this.build();
  }

  private build(): void {
    const all = this.payload.meta[this.kind];
    const locked = this.locked[this.kind];
    this.rows = (this.all ? all : all.slice(0, FIRST)).map(
      (slider, i) =>
        new SliderRow(
          this.kind === "variables" ? `z${i + 1}` : `PC ${i + 1}`,
          this.wide ? { ...slider, low: -TUTORIAL, high: TUTORIAL } : slider,
          locked.has(i),
          (value) => this.move(i, value),
          (on) => (on ? locked.add(i) : locked.delete(i)),
        ),
    );
    this.list.replaceChildren(...this.rows.map(({ element }) => element));
    this.more.hidden = all.length <= FIRST;
    this.more.textContent = this.all ? "Show fewer" : `Show all ${all.length}`;
    this.show();
  }

  private move(i: number, value: number): void {
    const { code, space } = this.state;
    this.state.setCode(
      this.kind === "variables"
        ? code.map((old, j) => (j === i ? value : old))
        : space.movedAlong(code, i, value),
    );
  }
}
