import assert from "node:assert/strict";
import { test } from "node:test";
import { Latest } from "../src/latest";
import { Space } from "../src/space";
import { State } from "../src/state";
import { cut, labelText } from "../src/text";
import { madePayload } from "./made";

test("picked images become the two ends of a path, and a third begins another", () => {
  const space = new Space(madePayload(2, 3));
  const state = new State(space);
  const seen: number[] = [];
  state.watch("ends", () => seen.push(state.ends.length));
  state.pick(0);
  state.pick(1);
  assert.deepEqual(state.ends, [space.code(0), space.code(1)]);
  state.pick(2);
  assert.deepEqual(state.ends, [space.code(2)]);
  assert.deepEqual(state.code, space.code(2));
  assert.deepEqual(seen, [1, 2, 1]);
});

test("the image whose code is shown is known until the code is another", () => {
  const state = new State(new Space(madePayload(2, 3)));
  state.pick(2);
  assert.equal(state.image, 2);
  state.moveTo({ x: 1, y: 1 });
  assert.equal(state.image, -1);
});

test("labels are names, numbers or none", () => {
  assert.deepEqual(["cat", 3, null].map(labelText), ["cat", "Label 3", "no label"]);
});

test("one's own image becomes the code, which stays when the image is forgotten", () => {
  const state = new State(new Space(madePayload(2, 3)));
  const code = Float32Array.of(3, 4);
  state.setOwn(code);
  state.setOwn(null);
  assert.equal(state.own, null);
  assert.deepEqual(state.code, code);
});

test("of requests while a task runs only the last counts, and a failure is said", async () => {
  let runs = 0;
  const failures: string[] = [];
  const work = new Latest(
    async () => {
      runs++;
      await Promise.resolve();
      if (runs === 3) throw new Error("no more");
    },
    (reason) => failures.push(reason),
  );
  const first = work.request();
  await Promise.all([work.request(), work.request()]);
  assert.ok(work.busy);
  await first;
  assert.deepEqual([runs, failures, work.busy], [2, [], false]);
  await work.request();
  assert.deepEqual([failures, work.busy], [["no more"], false]);
});

test("a long name is cut at its end", () => {
  assert.equal(cut("cat", 3), "cat");
  assert.equal(cut("a very long name", 8), "a very\u2026");
});
