import type { Label, Meta } from "../data/payload";
import { el } from "../dom";

/** Return what the colours of the map mean: classes, or a scale; nothing where there is one. */
export function legend({ classes, palettes, range, labels }: Meta): HTMLElement[] {
  if (range) {
    const unlabelled = labels?.includes(null) ? [entry(palettes, -1, null)] : [];
    const names = new Set(labels?.filter((label) => typeof label === "string"));
    const words = `${names.size} classes, too many for a colour each`;
    const note = names.size ? [el("li", { className: "none" }, words)] : [];
    return [
      el(
        "ul",
        { className: "legend", ariaLabel: "Colours" },
        scale(palettes, range),
        ...unlabelled,
        ...note,
      ),
    ];
  }
  if (!classes || (classes.length < 2 && classes[0] !== null)) return [];
  const entries = classes.map((label, i) => entry(palettes, i, label));
  return [el("ul", { className: "legend", ariaLabel: "Classes" }, ...entries)];
}

/** Return one colour with its class; place -1 is the last colour. */
function entry({ light, dark }: Meta["palettes"], place: number, label: Label | null): HTMLElement {
  const swatch = el("span", { className: "swatch" });
  swatch.style.setProperty("--light", light.at(place) ?? "");
  swatch.style.setProperty("--dark", dark.at(place) ?? "");
  const name = el("bdi", {}, label === null ? "no label" : String(label));
  if (label === null) name.className = "none";
  return el("li", {}, swatch, name);
}

/** Return the colours of a scale between the labels at its ends. */
function scale({ light, dark }: Meta["palettes"], [low, high]: [Label, Label]): HTMLElement {
  const bar = el("span", { className: "scale", ariaLabel: "to", role: "img" });
  const gradient = (colors: string[]): string => `linear-gradient(90deg, ${colors.slice(0, -1)})`;
  bar.style.setProperty("--light", gradient(light));
  bar.style.setProperty("--dark", gradient(dark));
  return el("li", {}, el("bdi", {}, String(low)), bar, el("bdi", {}, String(high)));
}
