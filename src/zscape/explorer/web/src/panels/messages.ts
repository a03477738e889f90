import { button, el } from "../dom";

const SHOWN = 5000; // milliseconds

/** What the page has to say: alerts that stay until they are closed, and news that passes. */
export class Messages {
  readonly alerts = el("div", { className: "alerts", role: "alert" });
  readonly toast = el("div", { className: "toast", role: "status" });
  private timer = 0;

  /** Show what went wrong, in the place of what went wrong before. */
  fail(message: string): void {
    const close = button("\u00d7", () => this.alerts.replaceChildren());
    close.ariaLabel = "Close";
    this.alerts.replaceChildren(el("div", { className: "alert" }, el("span", {}, message), close));
  }

  /** Show a sentence for a while. */
  say(message: string): void {
    this.toast.textContent = message;
    this.toast.classList.add("shown");
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.toast.classList.remove("shown"), SHOWN);
  }
}
