// The backend on which tensors are made when nothing else says so.
import type { Backend } from '../kernels/index.js';

let current: Backend | undefined;

/** Makes `backend` the one for new tensors; returns the former one. Tensors stay where they were made. */
export function setBackend(backend: Backend | undefined): Backend | undefined {
  const former = current;
  current = backend;
  return former;
}

/** The backend for new tensors. */
export function getBackend(): Backend {
  if (!current)
    throw new Error("no backend is open. Write `setBackend(await openBackend('auto'))` before the first tensor.");
  return current;
}
