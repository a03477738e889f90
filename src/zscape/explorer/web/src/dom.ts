// Small helpers to build a page.

type Properties = Record<string, unknown>;

/** Make an element; properties with a dash and `role` become attributes, `on...` listeners. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name.includes("-") || name === "role" || name === "for") {
      element.setAttribute(name, String(value));
    } else {
      (element as unknown as Properties)[name] = value;
    }
  }
  element.append(...children);
  return element;
}

/** Offer bytes or text to the user as a file. */
export function download(content: Blob, name: string): void {
  const link = el("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Return a number in few digits, with a true minus sign. */
export function short(value: number): string {
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
  return text.replace(/^-(?=0\.?0*$)/, "").replace("-", "\u2212");
}

/** Return a share as a percentage. */
export function percent(share: number): string {
  return share >= 0.0995 ? `${Math.round(100 * share)} %` : `${(100 * share).toFixed(1)} %`;
}

/** Return a mean squared error in three significant digits. */
export function errorText(mse: number): string {
  return `MSE ${mse.toPrecision(3)}`;
}

/** Return a colour such as #1f5a94 as three numbers to 255. */
export function rgb(hex: string): [number, number, number] {
  const value = parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
