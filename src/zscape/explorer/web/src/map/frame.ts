// What all layers of the map are drawn with.

import type { Theme } from "../theme";
import type { Size, View } from "./view";

export type Colors = Record<"--card" | "--ink" | "--quiet" | "--accent" | "--second", string>;

export interface Frame {
  view: View;
  /** In pixels of the page. */
  size: Size;
  /** Pixels of a canvas in a pixel of the page. */
  density: number;
  theme: Theme;
  colors: Colors;
}

export const FONT = "system-ui, sans-serif";

/** Return the colours that the page has at an element. */
export function colorsAt(element: Element): Colors {
  const style = getComputedStyle(element);
  const color = (name: keyof Colors): string => style.getPropertyValue(name).trim() || "#888888";
  return {
    "--card": color("--card"),
    "--ink": color("--ink"),
    "--quiet": color("--quiet"),
    "--accent": color("--accent"),
    "--second": color("--second"),
  };
}
