import assert from "node:assert/strict";
import { test } from "node:test";
import { drawPoints } from "../src/map/points";
import { apart, nearest, ticks, toPlace, toScreen, viewOf, zoomed } from "../src/map/view";

const size = { width: 200, height: 100 };
const view = { left: -1, right: 1, bottom: 0, top: 2 };

test("screen and places are each other's reverse, with up at the top", () => {
  assert.deepEqual(toScreen(view, size, { x: -1, y: 2 }), { x: 0, y: 0 });
  assert.deepEqual(toScreen(view, size, { x: 1, y: 0 }), { x: 200, y: 100 });
  assert.deepEqual(toPlace(view, size, toScreen(view, size, { x: 0.5, y: 1.5 })), {
    x: 0.5,
    y: 1.5,
  });
});

test("the first view shows all places, and one place or equal ones too", () => {
  const all = viewOf(Float32Array.of(0, 0, 10, 4));
  assert.ok(all.left < 0 && all.right > 10 && all.bottom < 0 && all.top > 4);
  const line = Array.from({ length: 2000 }, (_, i) => [i / 1000, 0]).flat();
  assert.ok(viewOf(Float32Array.of(...line, 2.5, 0)).right > 2.5);
  assert.ok(viewOf(Float32Array.of(...line, 900, 0)).right < 3); // one does not hide the rest
  const one = viewOf(Float32Array.of(3, 3));
  assert.ok(one.left < 3 && one.right > 3);
});

test("zooming keeps the centre where it was", () => {
  const centre = { x: 0.5, y: 0.5 };
  const before = toScreen(view, size, centre);
  const near = zoomed(view, centre, 2);
  assert.deepEqual(toScreen(near, size, centre), before);
  assert.equal(near.right - near.left, 1);
});

test("the nearest point is found within reach only", () => {
  const places = Float32Array.of(-1, 0, 0.5, 1);
  assert.equal(nearest(places, view, size, { x: 152, y: 52 }, 8), 1);
  assert.equal(nearest(places, view, size, { x: 152, y: 70 }, 8), -1);
});

test("ticks are round numbers inside the range", () => {
  assert.deepEqual(
    ticks(-1, 1, 4),
    [-1, -0.5, 0, 0.5, 1].filter((v) => v >= -1),
  );
  assert.deepEqual(ticks(0.5, 9, 4), [5]);
});

test("names are moved apart, and none further than it must", () => {
  const spots = apart(
    [
      { x: 50, y: 50 },
      { x: 52, y: 50 },
      { x: 90, y: 50 },
    ],
    [16, 16, 16],
    16,
  );
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < i; j++) {
      const gap = Math.max(Math.abs(spots[i].x - spots[j].x), Math.abs(spots[i].y - spots[j].y));
      assert.ok(gap >= 15.9, `${gap}`);
    }
  }
  assert.deepEqual(spots[2], { x: 90, y: 50 });
});

test("a point is drawn in its colour, and one beyond the edge not at all", () => {
  const pixels = new Uint8ClampedArray(4 * 200 * 100);
  const palette: [number, number, number][] = [
    [10, 20, 30],
    [200, 0, 0],
  ];
  drawPoints(
    { data: pixels, ...size },
    view,
    Float32Array.of(0, 1, 5, 5),
    Uint8Array.of(1, 0),
    palette,
    2,
    1,
  );
  const at = 4 * (50 * 200 + 100);
  assert.deepEqual([...pixels.slice(at, at + 4)], [200, 0, 0, 255]);
  assert.equal(pixels.filter((value, i) => i % 4 === 2 && value > 0).length, 0);
});
