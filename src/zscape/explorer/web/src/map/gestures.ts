// What a pointer, the wheel and the keyboard do on the map.

import type { Point } from "../space";
import type { LatentMap } from "./map";
import { moved, nearest, toPlace, toScreen, zoomed } from "./view";

const CLICK = 5; // pixels a pointer may move within a click
const REACH = 8; // pixels from a point at which it is met
const TOUCH_REACH = 20;

export class Gestures {
  private readonly pointers = new Map<number, Point>();
  private start: Point | null = null;
  private dragged = false;

  constructor(
    private readonly map: LatentMap,
    private readonly surface: HTMLElement,
    private readonly hover: (index: number, at: Point) => void,
  ) {
    surface.addEventListener("pointerdown", (event) => this.down(event));
    surface.addEventListener("pointermove", (event) => this.move(event));
    surface.addEventListener("pointerup", (event) => this.up(event));
    surface.addEventListener("pointercancel", (event) => this.release(event));
    surface.addEventListener("pointerleave", () => hover(-1, { x: 0, y: 0 }));
    surface.addEventListener("keydown", (event) => this.key(event));
    surface.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  private at(event: MouseEvent): Point {
    const box = this.surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  private placeAt(point: Point): Point {
    return toPlace(this.map.view, this.map.size, point);
  }

  private imageAt(point: Point, { pointerType }: PointerEvent): number {
    const { places, view, size } = this.map;
    return nearest(places, view, size, point, pointerType === "touch" ? TOUCH_REACH : REACH);
  }

  // --- pointer ---

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.surface.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    this.start = this.pointers.size === 1 ? this.at(event) : null;
    this.dragged = false;
  }

  private move(event: PointerEvent): void {
    const at = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hover(this.imageAt(at, event), at);
      return;
    }
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, at);
    else if (this.start) this.drag(this.start, at);
  }

  private drag(start: Point, at: Point): void {
    if (!this.dragged && Math.hypot(at.x - start.x, at.y - start.y) < CLICK) return;
    this.dragged = true;
    this.hover(-1, at);
    this.map.state.moveTo(this.placeAt(at));
  }

  private pinch(id: number, before: Point, at: Point): void {
    for (const [key, other] of this.pointers) {
      if (key === id) continue;
      const distance = Math.hypot(before.x - other.x, before.y - other.y);
      const factor = Math.hypot(at.x - other.x, at.y - other.y) / Math.max(1, distance);
      this.map.setView(zoomed(this.map.view, this.placeAt(other), factor));
    }
  }

  private up(event: PointerEvent): void {
    const clicked = this.start !== null && !this.dragged && this.pointers.has(event.pointerId);
    this.release(event);
    if (!clicked) return;
    const at = this.at(event);
    const index = this.imageAt(at, event);
    if (index >= 0) this.map.state.pick(index);
    else this.map.state.moveTo(this.placeAt(at));
    this.hover(index, at);
  }

  private release(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    this.start = null;
  }

  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
    event.preventDefault();
    const centre = this.placeAt(this.at(event));
    this.map.setView(zoomed(this.map.view, centre, Math.exp(-event.deltaY / 200)));
  }

  // --- keyboard ---

  private key(event: KeyboardEvent): void {
    const { view, codePlace } = this.map;
    const share = event.shiftKey ? 0.05 : 0.01; // of what is seen
    const x = share * (view.right - view.left);
    const y = share * (view.top - view.bottom);
    const steps: Record<string, Point> = {
      ArrowLeft: { x: -x, y: 0 },
      ArrowRight: { x, y: 0 },
      ArrowUp: { x: 0, y },
      ArrowDown: { x: 0, y: -y },
    };
    const by = steps[event.key];
    if (by) this.map.state.moveTo({ x: codePlace.x + by.x, y: codePlace.y + by.y });
    else if (event.key === "+" || event.key === "=") this.map.zoom(1.25);
    else if (event.key === "-") this.map.zoom(0.8);
    else if (event.key === "0") this.map.show(null);
    else return;
    event.preventDefault();
    this.keepInView();
  }

  private keepInView(): void {
    const { view, size, codePlace } = this.map;
    const at = toScreen(view, size, codePlace);
    const outX = at.x < 0 || at.x > size.width;
    const outY = at.y < 0 || at.y > size.height;
    if (!outX && !outY) return;
    this.map.setView(
      moved(view, {
        x: outX ? codePlace.x - (view.left + view.right) / 2 : 0,
        y: outY ? codePlace.y - (view.bottom + view.top) / 2 : 0,
      }),
    );
  }
}
