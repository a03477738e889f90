import type { Models } from "../data/models";
import type { Payload } from "../data/payload";
import { el, iconButton, panel } from "../dom";
import { LatentMap } from "../map/map";
import type { State } from "../state";
import { HoverCard } from "./hover";
import { legend } from "./legend";

/** Make the map and its panel: tools, the card of the point under the pointer, the classes. */
export function mapPanel(
  payload: Payload,
  state: State,
  models: Models,
): { map: LatentMap; element: HTMLElement } {
  const card = new HoverCard(payload, state.space, models);
  const map: LatentMap = new LatentMap(payload, state, models, (index, at) => {
    map.surface.classList.toggle("over-point", index >= 0);
    void card.show(index, at);
  });
  const tools: HTMLElement[] = [
    iconButton("+", "Zoom in", () => map.zoom(1.4)),
    iconButton("\u2212", "Zoom out", () => map.zoom(1 / 1.4)),
    iconButton("\u2922", "Show the whole map", () => map.show(null)),
  ];
  if (payload.meta.latentDim > 1) {
    const grid = el("input", {
      type: "checkbox",
      onchange: () => map.setGrid(grid.checked && models.ready),
    });
    tools.unshift(el("label", { className: "check" }, grid, "Latent grid"));
  }
  const element = panel(
    "map",
    "Map",
    [el("div", { className: "tools" }, ...tools)],
    el("div", { className: "map-frame" }, map.element, card.element),
    ...legend(payload.meta),
    el(
      "p",
      { className: "hint" },
      "Drag to walk. Click two points to go from one to the other. Rest on a point to see it.",
    ),
  );
  return { map, element };
}
