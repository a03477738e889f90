import assert from "node:assert/strict";
import { test } from "node:test";
import { type Payload, readPayload } from "../src/data/payload";
import { madePayload, packed, type Tensors, tensorsOf } from "./made";

/** Return a file of a payload that was changed. */
function changed(meta: object, tensors: Tensors = {}): ArrayBuffer {
  const payload = madePayload(3, 2);
  return packed({ ...payload.meta, ...meta }, { ...tensorsOf(payload), ...tensors });
}

test("a payload gives back its values and arrays", () => {
  const payload = madePayload(3, 2);
  payload.meta.name = "zw\u00f6lf";
  payload.meta.labels = ["cat", null];
  payload.codes.set([1.5, -2]);
  const found: Payload = readPayload(packed(payload.meta, tensorsOf(payload)));
  assert.deepEqual(found, payload);
});

test("the order of arrays does not matter", () => {
  const payload = madePayload(3, 2);
  const { colorIndex, ...others } = tensorsOf(payload);
  assert.deepEqual(readPayload(packed(payload.meta, { colorIndex, ...others })), payload);
});

test("what is damaged, cut off or something else is refused in words", () => {
  const good = changed({});
  assert.throws(() => readPayload(good.slice(0, 40)), /cut off/);
  assert.throws(() => readPayload(good.slice(0, good.byteLength - 8)), /cut off/);
  assert.throws(() => readPayload(new ArrayBuffer(4)), /damaged/);
  assert.throws(() => readPayload(new TextEncoder().encode("<!doctype html>").buffer), /damaged/);
  const broken = good.slice(0);
  new Uint8Array(broken)[20] = 0;
  assert.throws(() => readPayload(broken), /damaged/);
});

test("values that are missing, of another type or too few are named", () => {
  const wrong: [object, RegExp][] = [
    [{ latentDim: undefined }, /page: latentDim is undefined, expected/],
    [{ latentDim: "3" }, /latentDim is "3", expected number/],
    [{ nAvailable: 0 }, /nAvailable is 0/],
    [{ range: ["a"] }, /range\.1 is undefined/],
    [{ nImages: 1.5 }, /nImages is 1.5/],
    [{ name: null }, /name is null, expected string/],
    [{ imageShape: [2, 2] }, /imageShape\.2 is undefined/],
    [{ palettes: { light: ["#1f5a94"] } }, /palettes\.dark is undefined/],
    [{ palettes: { light: ["blue"], dark: ["blue"] } }, /palettes\.light\.0 is "blue"/],
    [{ palettes: { light: ["#1f5a94"], dark: ["#1f5a94", "#8dbdec"] } }, /palettes\.dark has 2/],
    [{ variables: [{ low: 0, high: 1 }] }, /variables\.0\.share is undefined/],
    [{ variables: [] }, /variables has 0 entries, expected 3/],
    [{ labels: ["cat"] }, /labels has 1 entries, expected 2/],
    [{ labels: [true, false] }, /labels\.0 is true/],
    [{ classes: ["cat", "dog"] }, /classes has 2 entries, expected 1/],
  ];
  for (const [meta, message] of wrong) assert.throws(() => readPayload(changed(meta)), message);
  assert.throws(() => readPayload(packed(null, {})), /meta is null|Object/);
});

test("arrays that are missing, of another type or shape are named", () => {
  const f32 = (shape: number[], n: number) => ({ shape, values: new Float32Array(n) });
  const u8 = (shape: number[], ...values: number[]) => ({ shape, values: Uint8Array.from(values) });
  const wrong: [Tensors, RegExp][] = [
    [{ codes: undefined }, /page: codes is missing/],
    [{ decoder: undefined }, /decoder is missing/],
    [{ mean: { shape: [3], values: new Float64Array(3) } }, /mean has type F64, expected F32/],
    [{ images: f32([2, 2, 2, 1], 8) }, /images has type F32, expected U8/],
    [{ codes: f32([3, 2], 6) }, /codes has shape \(3,2\), expected \(2,3\)/],
    [{ codes: f32([6], 6) }, /codes has shape \(6\), expected \(2,3\)/],
    [{ densityMeans: f32([3, 3], 9) }, /densityMeans has shape/],
    [{ decoder: u8([1, 2], 1, 2) }, /decoder has shape \(1,2\), expected \(any\)/],
    [{ mean: f32([3], 2) }, /mean has 8 bytes, expected 12/],
    [{ colorIndex: u8([2], 0, 1) }, /colorIndex goes to 1 and there are 1 colours/],
  ];
  for (const [arrays, message] of wrong) {
    assert.throws(() => readPayload(changed({}, arrays)), message);
  }
});
