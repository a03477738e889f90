// What the explorer shows: the one code of all panels, the ends of a path, one's own image.

import type { Code, Point, Space } from "./space";

type Part = "code" | "ends" | "own";

export class State {
  /** The code that is shown. */
  code: Code;
  /** The image whose code is shown, or -1. */
  image = -1;
  /** The codes of the points that were clicked: none, one or two. */
  ends: Code[] = [];
  /** The code of one's own image, if there is one. */
  own: Code | null = null;
  private readonly watchers: Record<Part, (() => void)[]> = { code: [], ends: [], own: [] };

  constructor(readonly space: Space) {
    this.code = space.code(0);
  }

  /** Call `then` after every change of one part. */
  watch(part: Part, then: () => void): void {
    this.watchers[part].push(then);
  }

  /** Show a code; that of an image of the map, if `image` is given. */
  setCode(code: Code, image = -1): void {
    this.code = code;
    this.image = image;
    this.tell("code");
  }

  /** Move the code within the plane of the map. */
  moveTo(place: Point): void {
    this.setCode(this.space.movedTo(this.code, place));
  }

  setEnds(ends: Code[]): void {
    this.ends = ends;
    this.tell("ends");
  }

  /** Show the code of an image, which becomes an end of a path. */
  pick(index: number): void {
    const code = this.space.code(index);
    this.setEnds(this.ends.length === 1 ? [...this.ends, code] : [code]);
    this.setCode(code, index);
  }

  /** Show the code of one's own image, or forget that image. */
  setOwn(code: Code | null): void {
    this.own = code;
    this.tell("own");
    if (code) this.setCode(code);
  }

  private tell(part: Part): void {
    for (const then of this.watchers[part]) then();
  }
}
