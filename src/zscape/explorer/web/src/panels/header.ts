import type { Meta } from "../data/payload";
import { el, iconButton } from "../dom";

/** Make the head of the page: what run this is. `toggleTheme` goes from dark to light and back. */
export function header(meta: Meta, toggleTheme: () => void): HTMLElement {
  const count = (n: number): string => n.toLocaleString("en");
  const all = meta.nAvailable > meta.nImages ? ` of ${count(meta.nAvailable)}` : "";
  const facts = [
    meta.name,
    `${meta.latentDim} latent variable${meta.latentDim > 1 ? "s" : ""}`,
    meta.bottleneck === "plain" ? meta.preset : `${meta.preset}, ${meta.bottleneck}`,
    `${count(meta.nImages)}${all} images of ${meta.source.split("/").pop()}`,
  ];
  const theme = iconButton("", "Dark or light", toggleTheme);
  theme.classList.add("theme");
  return el(
    "header",
    {},
    el("h1", {}, "zscape", el("span", {}, "explorer")),
    el("p", { className: "facts" }, ...facts.map((fact) => el("span", {}, fact))),
    theme,
  );
}
