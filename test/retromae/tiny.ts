// A RetroMAE small enough to train in a test, on the reference backend, with its vocabulary and its batches.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random, setBackend, type Tensor } from '../../core/index.js';
import { SPECIAL_TOKENS, WordPiece } from '../../data/index.js';
import { ReferenceBackend } from '../../kernels/reference.js';
import { AdamW, bertConfig, parameters, step as takeStep, type Optimizer } from '../../nn/index.js';
import { RetroMae, type RetroMaeOptions } from '../../retromae/model.js';

setBackend(new ReferenceBackend());

const letters = [...'abcdefghijklmno'];
export const tokenizer = WordPiece.fromVocab([
  ...SPECIAL_TOKENS,
  ...letters,
  ...letters.map((letter) => `##${letter}`),
]);

export const config = bertConfig({
  vocab_size: tokenizer.size,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
});

export const newModel = (seed: number, options: Partial<RetroMaeOptions> = {}): RetroMae =>
  new RetroMae(config, new Random(seed), options);

export const newOptimizer = (model: RetroMae): AdamW => new AdamW(model, { lr: 1e-2, clip: 1 });

/** Step `step` (0 for the first) of a training with dropout; everything random has the step's name. */
export async function trainStep(model: RetroMae, optimizer: Optimizer, step: number): Promise<void> {
  const collator = model.objective.collator(model.options, { tokenizer, maxLength: 16 });
  const examples = [0, 1, 2].map((i) => {
    const random = new Random(7, step, i);
    return Array.from({ length: 5 + random.below(12) }, () => 5 + random.below(30));
  });
  const batch = collator.collate(examples, (i) => new Random(8, step, i));
  const prepared = await model.prepared(batch);
  await takeStep(optimizer, [() => model.losses(prepared, new Random(9, step))]);
}

/** The bits of tensors, by name. */
export async function bitsOf(tensors: ReadonlyMap<string, Tensor>): Promise<Record<string, string>> {
  const bits: Record<string, string> = {};
  for (const [name, x] of tensors) {
    const { buffer, byteOffset, byteLength } = await x.read();
    bits[name] = Buffer.from(buffer, byteOffset, byteLength).toString('hex');
  }
  return bits;
}

/** All weights and moments of a training, and its step. */
export async function everyBit(model: RetroMae, { state }: Optimizer): Promise<Record<string, string>> {
  return { ...(await bitsOf(parameters(model))), ...(await bitsOf(state.tensors)), step: String(state.step) };
}

/** A file system of so many kilobytes, to be full soon; undefined where one may not be mounted. */
export function smallDisk(kilobytes: number): { path: string; remove: () => void } | undefined {
  const path = mkdtempSync(join(tmpdir(), 'small-disk-'));
  const remove = (): void => rmdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    remove();
    return undefined;
  }
  return {
    path,
    remove: () => {
      execFileSync('umount', [path]);
      remove();
    },
  };
}
