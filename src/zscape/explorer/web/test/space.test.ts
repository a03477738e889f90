import assert from "node:assert/strict";
import { test } from "node:test";
import {
  between,
  codeOfLink,
  linkOfCode,
  meanSquaredError,
  normal,
  quantiles,
  Space,
  seeded,
} from "../src/space";
import { madePayload } from "./made";

const near = (a: ArrayLike<number>, b: number[], tolerance = 1e-5): void => {
  assert.equal(a.length, b.length);
  b.forEach((value, i) => {
    assert.ok(Math.abs(a[i] - value) <= tolerance, `${a[i]} is not ${value}`);
  });
};

test("a code moved to a place lies there, and nothing else of it changes", () => {
  const space = new Space(madePayload(4, 3));
  const moved = space.movedTo(Float32Array.of(1, 2, 3, 4), { x: -0.5, y: 0.25 });
  near(moved, [-0.5, 0.25, 3, 4]);
  assert.deepEqual(space.place(moved), { x: -0.5, y: 0.25 });
});

test("a code moved along a direction has that coordinate", () => {
  const payload = madePayload(3, 3);
  const half = Math.SQRT1_2;
  payload.directions = Float32Array.of(half, half, 0, half, -half, 0, 0, 0, 1);
  payload.mean = Float32Array.of(1, 0, 0);
  const space = new Space(payload);
  const moved = space.movedAlong(Float32Array.of(0, 0, 2), 0, 3);
  near(space.along(moved), [3, -half, 2]);
});

test("codes of one number move in one direction only and are spread out on the map", () => {
  const space = new Space(madePayload(1, 5));
  near(space.movedTo(Float32Array.of(2), { x: 7, y: 9 }), [7]);
  const places = space.places();
  near([places[0], places[2]], [0, 0.1]);
  assert.equal(new Set(places.filter((_, i) => i % 2)).size, 5);
});

test("draws have the mean and the spread of the density, and leave out what has no weight", () => {
  const space = new Space(madePayload(2, 3));
  const random = seeded(3);
  const draws = Array.from({ length: 4000 }, () => space.draw(random)[1]);
  const mean = draws.reduce((a, b) => a + b) / draws.length;
  const variance = draws.reduce((a, b) => a + (b - mean) ** 2, 0) / draws.length;
  assert.ok(Math.abs(mean - 3) < 0.05, `${mean}`);
  assert.ok(Math.abs(variance - 0.25) < 0.03, `${variance}`);
});

test("the same seed gives the same normal numbers", () => {
  const one = seeded(1);
  const other = seeded(1);
  for (let i = 0; i < 5; i++) assert.equal(normal(one), normal(other));
  assert.notEqual(seeded(1)(), seeded(2)());
});

test("a link leads back to its code, and a wrong one nowhere", () => {
  const code = Float32Array.of(0.125, -3);
  assert.deepEqual(codeOfLink(linkOfCode(code), 2), code);
  for (const wrong of ["", "#", "#code=1", "#code=1,x", "#code=1,2,3", "#code=1,Infinity"]) {
    assert.equal(codeOfLink(wrong, 2), null);
  }
});

test("numbers between, errors and quantiles", () => {
  near(between(Float32Array.of(0, 2), Float32Array.of(4, 0), 0.25), [1, 1.5]);
  assert.equal(meanSquaredError([0, 1], [1, 3]), 2.5);
  assert.deepEqual(quantiles([5, 1, 3, 2, 4], 0), [1, 5]);
  assert.deepEqual(quantiles([5, 1, 3, 2, 4], 0.25), [2, 4]);
});
