// Threads for TensorFlow.js's wasm backend in Node, which it refuses there (tensorflow/tfjs#3830).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { join } from 'node:path';

// The bundle for Node is CommonJS, and it must share the core with us.
const require = createRequire(import.meta.url);
const tf = require('@tensorflow/tfjs-core');
const wasm = require('@tensorflow/tfjs-backend-wasm');

/**
 * Starts the wasm backend with SIMD and `threads` threads and returns the library. Its workers' code comes as blobs, of
 * whose URLs Node can make no worker; while it starts, a blob is therefore a file in a folder of `parent`.
 */
export async function start(threads, parent) {
  if (threads > 1) tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', true);
  wasm.setThreadsCount(threads);
  const { Blob } = globalThis;
  const { createObjectURL } = URL;
  const { cpus } = os;
  const directory = mkdtempSync(join(parent, 'tfjs-'));
  let files = 0;
  // The bundler has given these names to the global object and to Node's modules, which the workers do not know.
  const modules = ['fs', 'path', 'worker_threads', 'perf_hooks', 'os'].map(
    (m, i) => `require$$${i} = require("${m}");`,
  );
  const prelude = `commonjsGlobal = globalThis; ${modules.join(' ')} URL.createObjectURL = (blob) => blob.path; URL.revokeObjectURL = () => undefined;`;
  globalThis.Blob = class {
    constructor([text]) {
      this.path = join(directory, `${files++}.cjs`);
      writeFileSync(this.path, text.startsWith('"use strict"') ? prelude + text : text);
    }
  };
  URL.createObjectURL = (blob) => blob.path;
  // It takes half of the machine's cores at most.
  os.cpus = () => new Array(2 * threads).fill({});
  try {
    await tf.setBackend('wasm');
    await tf.ready();
  } finally {
    globalThis.Blob = Blob;
    URL.createObjectURL = createObjectURL;
    os.cpus = cpus;
    rmSync(directory, { recursive: true });
  }
  return { tf, threads: threads > 1 ? wasm.getThreadsCount() : 1 };
}
