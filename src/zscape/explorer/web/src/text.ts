// Numbers, labels and errors as people read them.

/** Return a number in few digits, with a true minus sign. */
export function short(value: number): string {
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
  return text.replace(/^-(?=0\.?0*$)/, "").replace("-", "\u2212");
}

/** Return a share as a percentage. */
export function percent(share: number): string {
  return share >= 0.0995 ? `${Math.round(100 * share)} %` : `${(100 * share).toFixed(1)} %`;
}

/** Return the name of a label; null is none. */
export function labelText(label: string | number | null): string {
  if (label === null) return "no label";
  return typeof label === "string" ? label : `Label ${label}`;
}

/** Return a mean squared error in three significant digits. */
export function errorText(mse: number): string {
  return `MSE ${mse.toPrecision(3)}`;
}

/** Return a text of at most `length` characters, cut at its end. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1).trimEnd()}\u2026` : text;
}

/** Return the words of anything that was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
