import assert from "node:assert/strict";
import { test } from "node:test";
import { readPayload } from "../src/payload";

/** Pack as `zscape/explorer/engine.py` does. */
function packed(meta: object, values: Float32Array): ArrayBuffer {
  const blobs = { codes: { type: "float32", shape: [values.length], offset: 0 } };
  let header = JSON.stringify({ meta, blobs });
  header = header.padEnd(Math.ceil((12 + header.length) / 8) * 8 - 12);
  const bytes = new ArrayBuffer(12 + header.length + values.byteLength);
  new Uint8Array(bytes).set(new TextEncoder().encode("zscape\0\x01"));
  new DataView(bytes).setUint32(8, header.length, true);
  new Uint8Array(bytes).set(new TextEncoder().encode(header), 12);
  new Float32Array(bytes, 12 + header.length).set(values);
  return bytes;
}

test("a payload gives back its values and arrays", () => {
  const payload = readPayload(packed({ name: "two" }, Float32Array.of(1.5, -2)));
  assert.equal(payload.meta.name, "two");
  assert.deepEqual([...payload.codes], [1.5, -2]);
});

test("what is damaged, cut off or something else is refused in words", () => {
  const good = packed({ name: "two" }, new Float32Array(8));
  assert.throws(() => readPayload(good.slice(0, 40)), /cut off/);
  assert.throws(() => readPayload(good.slice(0, good.byteLength - 8)), /cut off/);
  assert.throws(() => readPayload(new ArrayBuffer(4)), /damaged/);
  assert.throws(() => readPayload(new TextEncoder().encode("<!doctype html>").buffer), /damaged/);
});
