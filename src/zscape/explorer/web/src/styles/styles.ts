import base from "./base.css";
import layout from "./layout.css";
import map from "./map.css";
import panels from "./panels.css";

/** Give a shadow root the styles of the explorer. */
export function adoptStyles(root: ShadowRoot): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync([base, map, panels, layout].join("\n"));
  root.adoptedStyleSheets = [sheet];
}
