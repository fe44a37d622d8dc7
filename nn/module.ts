// A module is a tree of fields; its parameters are found by walking, and the path of a parameter is its name.
import { Tensor } from '../core/index.js';

/** Parameters by path, such as `bert.encoder.layer.0.output.dense.weight`, in the order of declaration. */
export function parameters(module: object): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    if (value instanceof Tensor) {
      if (value.requiresGrad) found.set(path, value);
      return;
    }
    for (const [name, field] of Object.entries(value)) walk(field, path === '' ? name : `${path}.${name}`);
  };
  walk(module, '');
  return found;
}

/** Number of trainable numbers. */
export const parameterCount = (module: object): number =>
  [...parameters(module).values()].reduce((total, { size }) => total + size, 0);
