// What is done on the page as a whole: keys, dropped and pasted pictures.

interface Actions {
  take(file: File, name: string): void;
  fail(message: string): void;
  randomise(): void;
  forgetPath(): void;
  togglePlay(): void;
}

/** Listen to dropped files. */
export function listenToDrops(page: HTMLElement, { take, fail }: Actions): void {
  page.addEventListener("dragover", (event) => {
    event.preventDefault();
    page.classList.add("dropping");
  });
  page.addEventListener("dragleave", ({ relatedTarget }) => {
    const inside = relatedTarget instanceof Node && page.contains(relatedTarget);
    if (!inside) page.classList.remove("dropping");
  });
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    page.classList.remove("dropping");
    const [file] = event.dataTransfer?.files ?? [];
    if (file) take(file, file.name);
    else fail("That was no file. Drop a picture from your files, or paste it.");
  });
}

/** Listen to pasted pictures; in a notebook people paste into other cells too. */
export function listenToPastes(page: HTMLElement, alone: boolean, { take }: Actions): void {
  document.addEventListener("paste", (event) => {
    if (!page.isConnected || !(alone || page.matches(":hover, :focus-within"))) return;
    const items = [...(event.clipboardData?.items ?? [])];
    const file = items.find((item) => item.type.startsWith("image/"))?.getAsFile();
    if (file) take(file, "The pasted picture");
  });
}

/** Listen to the keys of the whole page. */
export function listenToKeys(page: HTMLElement, actions: Actions): void {
  page.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [target] = event.composedPath();
    const control = target instanceof HTMLButtonElement || target instanceof HTMLInputElement;
    if (event.key === "r") actions.randomise();
    else if (event.key === "Escape") actions.forgetPath();
    else if (event.key === " " && !control) actions.togglePlay();
    else return;
    event.preventDefault();
  });
}
