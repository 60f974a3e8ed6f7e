// Compiles the arithmetic of the browser's engine, arithmetic.ts, into wasm.js beside it: npm run kernel

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, "fewshot/interface/web/local");
const COMPILER = join(ROOT, "node_modules/assemblyscript/bin/asc.js");
const OPTIONS = ["-O3", "--runtime", "stub", "--enable", "simd", "--importMemory", "--noAssert"];

/** @returns {Buffer} WebAssembly. Throws Error with what the compiler says. */
export function compiled() {
  const folder = mkdtempSync(join(tmpdir(), "kernel-"));
  try {
    const out = join(folder, "out.wasm");
    execFileSync(process.execPath, [COMPILER, "arithmetic.ts", ...OPTIONS, "--outFile", out], { cwd: FOLDER });
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The module that holds it. @param {Buffer} bytes */
const moduleOf = (bytes) => `// arithmetic.ts, compiled by \`npm run kernel\`, in base64.

export const WASM =
  "${bytes.toString("base64")}";
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(FOLDER, "wasm.js"), moduleOf(compiled()));
