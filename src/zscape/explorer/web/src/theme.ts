export type Theme = "light" | "dark";

/** Return the theme of the notebook, or else of the system. */
export function preferredTheme(): Theme {
  const notebook = document.body.dataset.jpThemeLight; // set by Jupyter
  if (notebook) return notebook === "true" ? "light" : "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
