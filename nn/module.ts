// A module is a tree of fields; its parameters are found by walking, and the path of a parameter is its name.
import { Tensor } from '../core/index.js';

/** Parameters by path, such as `bert.encoder.layer.0.output.dense.weight`, in the order of declaration. */
export const parameters = (module: object): Map<string, Tensor> =>
  new Map([...allTensors(module)].filter(([, tensor]) => tensor.requiresGrad));

/** The same, and the tensors that are not trained. */
export function allTensors(module: object): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    if (value instanceof Tensor) return void found.set(path, value);
    for (const [name, field] of Object.entries(value)) walk(field, path === '' ? name : `${path}.${name}`);
  };
  walk(module, '');
  return found;
}

/** Makes constants of all tensors of a module, in place: no gradient reaches them, no optimizer changes them. */
export function freeze<M extends object>(module: M): M {
  for (const [name, field] of Object.entries(module) as [keyof M, unknown][]) {
    if (typeof field !== 'object' || field === null || ArrayBuffer.isView(field)) continue;
    if (field instanceof Tensor) module[name] = field.detach() as M[keyof M];
    else freeze(field);
  }
  return module;
}

/** Number of trainable numbers. */
export const parameterCount = (module: object): number =>
  [...parameters(module).values()].reduce((total, { size }) => total + size, 0);
