// Small helpers to build a page.

/** Make an element with properties, among them listeners and ARIA attributes, and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

/** Make a button with words on it. */
export function button(text: string, onclick: () => void, className = ""): HTMLButtonElement {
  return el("button", { type: "button", className, onclick }, text);
}

/** Make a button with a sign on it and a name to be read. */
export function iconButton(sign: string, name: string, onclick: () => void): HTMLButtonElement {
  return el(
    "button",
    { type: "button", className: "icon", ariaLabel: name, title: name, onclick },
    sign,
  );
}

/** Make a panel of the page: a card with a title, tools beside it, and content. */
export function panel(
  name: string,
  title: string,
  tools: HTMLElement[],
  ...content: HTMLElement[]
): HTMLElement {
  const head = el("div", { className: "head" }, el("h2", {}, title), ...tools);
  return el("section", { className: `card panel-${name}`, ariaLabel: title }, head, ...content);
}

/** Make a row of buttons of which one is chosen, at first the first. */
export function choice(
  label: string,
  names: string[],
  chosen: (index: number) => void,
): HTMLElement {
  const press = (index: number): void => {
    buttons.forEach((one, i) => {
      one.ariaPressed = String(i === index);
    });
  };
  const buttons = names.map((name, index) =>
    button(name, () => {
      press(index);
      chosen(index);
    }),
  );
  press(0);
  return el("div", { className: "choice", role: "group", ariaLabel: label }, ...buttons);
}

/** Return what to draw on a canvas with. */
export function context2d(
  canvas: HTMLCanvasElement,
  options: CanvasRenderingContext2DSettings = {},
): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", options);
  if (!context) throw new Error("this browser cannot draw on a canvas");
  return context;
}

/** Offer bytes or text to the user as a file. */
export function download(content: Blob, name: string): void {
  const link = el("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
