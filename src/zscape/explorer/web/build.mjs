// Build the front end into ../static, or with the word `test` its tests into build/.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { constants, createGzip } from "node:zlib";
import { build } from "esbuild";

const here = new URL("./", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, here));
const shared = {
  bundle: true,
  format: "esm",
  target: "es2022",
  loader: { ".css": "text" },
  logLevel: "warning",
};

if (process.argv[2] === "test") {
  await rm(path("build"), { recursive: true, force: true });
  const tests = (await readdir(path("test"))).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...shared,
    entryPoints: tests.map((name) => path(`test/${name}`)),
    outdir: path("build"),
    outExtension: { ".js": ".mjs" },
    platform: "node",
  });
} else {
  const out = path("../static");
  await mkdir(out, { recursive: true });
  await build({
    ...shared,
    entryPoints: [path("src/page.ts"), path("src/widget.ts")],
    outdir: out,
    minify: true,
    legalComments: "inline",
    platform: "browser",
  });
  // A quarter of the size; every browser unpacks it.
  await pipeline(
    createReadStream(path("node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm")),
    createGzip({ level: constants.Z_BEST_COMPRESSION }),
    createWriteStream(`${out}/ort.wasm.gz`),
  );
}
