import type { Meta } from "../data/payload";
import { el } from "../dom";

/** Return the classes with their colours, in the order of both; nothing where there is one. */
export function legend({ classes, palettes }: Meta): HTMLElement[] {
  if (!classes || classes.length < 2) return [];
  const entries = classes.map((name, i) => {
    const swatch = el("span", { className: "swatch" });
    swatch.style.setProperty("--light", palettes.light[i]);
    swatch.style.setProperty("--dark", palettes.dark[i]);
    return el("li", {}, swatch, String(name));
  });
  return [el("ul", { className: "legend", ariaLabel: "Classes" }, ...entries)];
}
