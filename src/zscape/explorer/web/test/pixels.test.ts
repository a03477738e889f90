import assert from "node:assert/strict";
import { test } from "node:test";
import { borderOf, fromRgba, toInk, toRgba } from "../src/data/pixels";

test("gray, colour, transparency and other channels become RGBA", () => {
  assert.deepEqual([...toRgba([0, 1], [1, 2, 1])], [0, 0, 0, 255, 255, 255, 255, 255]);
  assert.deepEqual([...toRgba([1, 0, 0.2], [1, 1, 3])], [255, 0, 51, 255]);
  assert.deepEqual([...toRgba([0, 0, 0, 0.2], [1, 1, 4])], [204, 204, 204, 255]); // over white
  assert.deepEqual([...toRgba([0, 1, 0, 1, 1], [1, 1, 5])], [153, 153, 153, 255]); // the mean
  assert.deepEqual([...toRgba([0, 0, 0, 51], [1, 1, 4], 255)], [204, 204, 204, 255]);
});

test("a picture is read as Python reads it", () => {
  const clear = [0, 0, 0, 0];
  const red = [255, 0, 0, 255];
  const close = (a: ArrayLike<number>, b: number[]): void =>
    b.forEach((value, i) => {
      assert.ok(Math.abs(a[i] - value) < 1e-6, `${a[i]}, ${value}`);
    });
  close(fromRgba([...clear, ...red], 1, false), [1, 0.299]);
  close(fromRgba([...clear, ...red], 1, true), [0, 0.701]);
  close(fromRgba(red, 3, false), [1, 0, 0]);
  close(fromRgba([...clear, ...red], 4, false), [0, 0, 0, 0, 1, 0, 0, 1]);
});

test("ink is as strong as an image differs from its paper", () => {
  assert.deepEqual([...toInk([0, 1], [1, 2, 1], [1, 2, 3], 0)], [1, 2, 3, 0, 1, 2, 3, 255]);
  assert.deepEqual([...toInk([0, 1], [1, 2, 1], [1, 2, 3], 1)], [1, 2, 3, 255, 1, 2, 3, 0]);
});

test("the border is what lies at the edge", () => {
  const image = Float32Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1);
  assert.equal(borderOf(image, [3, 3, 1]), 1);
});
