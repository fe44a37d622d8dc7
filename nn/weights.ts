// Weights by name, to and from safetensors: strict about shapes, forgiving about the dialects of BERT checkpoints.
import { scope, tensor, type Tensor } from '../core/index.js';
import { kernels } from '../kernels/index.js';
import { allTensors } from './module.js';
import type { HostTensor, SafetensorsFile } from './safetensors.js';

/** Names that BERT checkpoints carry and this library has no use for. */
const unused = /(^|\.)(pooler\.|seq_relationship\.|position_ids$|cls\.predictions\.decoder\.)/;

/** What wrappers put before the names of the model within: PyTorch's DataParallel, sentence-transformers in training. */
const WRAPPERS = /^(?:\d+\.|module\.|auto_model\.|model\.|encoder\.(?=bert\.|embeddings\.|encoder\.))+/;

/** Today's name of a tensor: Google's LayerNorm.gamma and beta, wrapped models, and those without their `bert.` prefix. */
function modern(name: string): string {
  const inner = name.replace(WRAPPERS, '');
  const renamed = inner.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
  return /^(embeddings|encoder)\./.test(renamed) ? `bert.${renamed}` : renamed;
}

export interface LoadReport {
  /** Parameters that the file does not have; they keep their values. */
  missing: string[];
  /** Tensors of the file that the module has no place for. */
  unexpected: string[];
}

/**
 * Copies the tensors of a file into those of a module. Nothing is changed unless everything fits.
 * @param optional whether a parameter may be missing from the file (default: none may)
 * @param onTensor what hears of each of them, when all is known to fit
 * @throws naming the file and the tensor: of another shape, missing, or there twice under two names
 */
export function loadWeights(
  module: object,
  file: SafetensorsFile,
  optional: (name: string) => boolean = () => false,
  onTensor?: (name: string, values: Float32Array) => void,
): LoadReport {
  const wanted = allTensors(module);
  const found = new Map<string, Float32Array>();
  const unexpected: string[] = [];
  for (const [name, { shape }] of file.tensors) {
    const target = wanted.get(modern(name));
    if (!target) {
      if (!unused.test(name)) unexpected.push(name);
      continue;
    }
    if (shape.length !== target.rank || shape.some((extent, i) => extent !== target.shape[i]))
      throw new Error(
        `${file.file}: ${name} is [${shape.join(', ')}], the model wants [${target.shape.join(', ')}]. Is it the config.json beside it?`,
      );
    if (found.has(modern(name)))
      throw new Error(`${file.file}: ${name} and another tensor both stand for ${modern(name)}. Remove one of them.`);
    found.set(modern(name), file.float32(name).data);
  }
  const missing = [...wanted.keys()].filter((name) => !found.has(name));
  const lacking = missing.filter((name) => !optional(name));
  if (lacking.length > 0)
    throw new Error(
      `${file.file}: ${lacking.length} tensors are missing, the first is ${lacking[0]}. Is it a BERT checkpoint?`,
    );
  for (const [name, values] of found) {
    assign(wanted.get(name)!, values);
    onTensor?.(name, values);
  }
  return { missing, unexpected };
}

/** Replaces the numbers of a tensor, in place, bit for bit. */
export function assign(target: Tensor, values: Float32Array | Float64Array): void {
  const { backend, size } = target;
  scope(() => {
    const source = tensor(values, [size], { backend });
    backend.launch(kernels.copy, { x: source.view() }, { y: target.view([size]) });
  });
}

/** Copies the weights of a module into those of another one of the same kind. */
export function copyWeights(from: object, to: object): void {
  const targets = allTensors(to);
  for (const [name, source] of allTensors(from)) {
    const { backend, size } = source;
    backend.launch(kernels.copy, { x: source.view([size]) }, { y: targets.get(name)!.view([size]) });
  }
}

/** The numbers of tensors by name, ready for `writeSafetensors`. */
export async function hostTensors(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, HostTensor>> {
  const result = new Map<string, HostTensor>();
  for (const [name, x] of tensors) result.set(name, { shape: x.shape, data: await x.read() });
  return result;
}
