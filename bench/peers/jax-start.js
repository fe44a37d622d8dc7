// jax-js in Node 20, which lacks what it takes for granted of a browser: `navigator`, `Float16Array`, and web workers
// that are made of blobs.
import { Worker } from 'node:worker_threads';

const prelude = `
  const { parentPort } = require('node:worker_threads');
  globalThis.self = globalThis;
  globalThis.Float16Array ??= class {};
  globalThis.postMessage = (message) => parentPort.postMessage(message);
  parentPort.on('message', (data) => self.onmessage({ data }));
`;

/** Loads the library; its wasm backend takes as many workers as `navigator` says that there are cores. */
export async function start(threads) {
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: 'Node', hardwareConcurrency: threads },
    configurable: true,
  });
  // Nothing here has 16 bits, but the library asks whether arrays are of this class.
  globalThis.Float16Array ??= class {};
  // A blob, its URL and the text in it are all one.
  globalThis.Blob = class {
    constructor([text]) {
      this.text = text;
    }
  };
  URL.createObjectURL = (blob) => blob;
  URL.revokeObjectURL = () => undefined;
  globalThis.Worker = class {
    #worker;
    constructor({ text }) {
      this.#worker = new Worker(prelude + text, { eval: true });
      this.#worker.on('message', (data) => this.onmessage?.({ data }));
      this.#worker.on('error', (error) => this.onerror?.(error));
    }
    postMessage(message) {
      this.#worker.postMessage(message);
    }
  };
  const jax = await import('@jax-js/jax');
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  return jax;
}
