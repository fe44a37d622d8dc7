// What a sentence-transformers folder does with the hidden states of its encoder: Pooling, then Dense, LayerNorm, Normalize.
import { basename, join } from 'node:path';
import { isFile, type JsonFields } from '../data/index.js';
import { activations, dense, layerNorm, poolingModes, unitLength } from '../nn/index.js';
import type { BertConfig, PoolingMode, SafetensorsFile, VectorStep } from '../nn/index.js';
import { UNIT } from './description.js';
import { fieldsIfThere, fieldsOf, within } from './fields.js';
import { fileNames, WORD_WEIGHTS } from './model-files.js';
import type { Module, Modules } from './modules.js';
import { withSafetensors } from './safetensors.js';
import { weightFiles, type Weights } from './weight-files.js';

/** From hidden states to a vector. */
export interface VectorRecipe {
  readonly pooling: readonly PoolingMode[];
  /** Whether the tokens of a prompt are pooled too. */
  readonly includePrompt: boolean;
  /** What a mean weighs words by, a number an id; undefined: all alike. */
  readonly wordWeights?: Float32Array;
  /** What is done with the pooled vector, in order, and how a person would say it. */
  readonly steps: readonly { readonly does: string; readonly step: VectorStep }[];
}

/**
 * Reads the modules after the encoder.
 * @param config of the encoder
 * @param weights what is told of every tensor read
 * @throws naming the file: a module that is not built here, or that does not fit the one before it
 */
export async function readVectors(
  modules: Modules,
  { hidden_size: hidden, vocab_size: words }: Pick<BertConfig, 'hidden_size' | 'vocab_size'>,
  weights: Weights,
): Promise<VectorRecipe> {
  const { others, file, encoder } = modules;
  const weighing = others?.[0]?.kind === WORD_WEIGHTS ? others[0] : undefined;
  const [first, ...more] = (weighing ? others?.slice(1) : others) ?? [];
  const pooling = first ?? { kind: 'Pooling', folder: join(encoder, '1_Pooling') };
  if (pooling.kind !== 'Pooling' || (others && !first))
    throw new Error(
      `${file}: after the ${weighing?.kind ?? 'Transformer'} comes ${first?.kind ?? 'nothing'}; only a Pooling is built here.`,
    );
  const { modes, includePrompt } = await readPooling(pooling.folder, hidden, others !== undefined);
  const wordWeights = weighing && (await readWordWeights(weighing, words, weights));
  const odd = wordWeights && modes.find((mode) => mode !== 'mean');
  if (odd) throw new Error(`${file}: words are weighted, and then pooled by ${odd}; only by mean is built here.`);
  const { steps } = await readSteps(modules, more, hidden * modes.length, weights);
  return { pooling: modes, includePrompt, steps, ...(wordWeights && { wordWeights }) };
}

/**
 * Reads modules that are done to vectors of so many numbers.
 * @throws naming the file: one that is not built here, or that does not fit the one before it
 */
export async function readSteps({ file, kind }: Modules, modules: readonly Module[], width: number, weights: Weights) {
  const steps: { does: string; step: VectorStep }[] = [];
  let reached = width;
  for (const module of modules) {
    const read = readers[module.kind];
    if (!Object.hasOwn(readers, module.kind))
      throw new Error(
        `${file}: the module ${module.kind} is not built here; after the ${kind === 'Transformer' ? 'Pooling' : kind} may come ${Object.keys(readers).join(', ')}.`,
      );
    const next = await read(module, reached, weights);
    if (next) {
      steps.push(next);
      reached = next.width;
    }
  }
  return { steps, width: reached };
}

/** What sentence-transformers' WordWeights has for each id: its table, or what config.json says of words. */
async function readWordWeights({ folder }: Module, words: number, weights: Weights): Promise<Float32Array> {
  const fields = await fieldsOf(join(folder, fileNames.config));
  const vocabulary = fields.get('vocab');
  const given = within(fields, 'word_weights');
  if (!Array.isArray(vocabulary) || vocabulary.length > words || !vocabulary.every((word) => typeof word === 'string'))
    throw fields.refuse('vocab', `a list of at most ${words} words, as the model has`);
  const usual = fields.number('unknown_word_weight', -Infinity) ?? 1;
  // As there, a word that has no weight has that of its lower case.
  const each = vocabulary.map(
    (word) => given.number(word, -Infinity) ?? given.number(word.toLowerCase(), -Infinity) ?? usual,
  );
  const table = Float32Array.from({ length: words }, (_, id) => each[id] ?? usual);
  weights(basename(folder), table);
  return table;
}

/**
 * A recipe with another pooling, and all that comes after it.
 * @throws if that is made for the vectors of several poolings
 */
export function pooledAs(mode: PoolingMode, recipe: VectorRecipe, dir: string): VectorRecipe {
  const { pooling, steps } = recipe;
  if (pooling.length > 1 && steps.some(({ does }) => does !== UNIT))
    throw new Error(
      `${dir}: its modules after the pooling are made for ${pooling.join(' beside ')}, not for ${mode}. Leave --represent out.`,
    );
  return { ...recipe, pooling: [mode] };
}

/** Older files have a switch for each pooling; where none is on, the mean is taken. */
const SWITCHES: Readonly<Record<PoolingMode, string>> = {
  cls: 'pooling_mode_cls_token',
  max: 'pooling_mode_max_tokens',
  mean: 'pooling_mode_mean_tokens',
  mean_sqrt_len_tokens: 'pooling_mode_mean_sqrt_len_tokens',
  weightedmean: 'pooling_mode_weightedmean_tokens',
  lasttoken: 'pooling_mode_lasttoken',
};

async function readPooling(folder: string, hidden: number, isNamed: boolean) {
  const file = join(folder, fileNames.config);
  // A folder without modules.json does not say how it pools: the state of [CLS], as RetroMAE trains it.
  if (!isNamed && !(await isFile(file))) return { modes: ['cls'] as const, includePrompt: true };
  const fields = await fieldsOf(file);
  for (const name of ['embedding_dimension', 'word_embedding_dimension'])
    if ((fields.integer(name, 1) ?? hidden) !== hidden) throw fields.refuse(name, `the model's hidden size, ${hidden}`);
  return { modes: poolingOf(fields), includePrompt: fields.boolean('include_prompt') ?? true };
}

function poolingOf(fields: JsonFields): readonly PoolingMode[] {
  const mode = fields.get('pooling_mode');
  if (mode !== undefined) {
    const modes: unknown[] = Array.isArray(mode) ? mode : [mode];
    if (modes.length > 0 && modes.every(isMode)) return modes;
    throw fields.refuse('pooling_mode', `one or several of ${poolingModes.join(', ')}`);
  }
  const on = poolingModes.filter((name) => fields.boolean(SWITCHES[name]) ?? false);
  return on.length > 0 ? on : ['mean'];
}

const isMode = (mode: unknown): mode is PoolingMode => poolingModes.includes(mode as PoolingMode);

interface Step {
  readonly does: string;
  readonly step: VectorStep;
  /** Numbers that come out of it. */
  readonly width: number;
}

type Reader = (module: Module, width: number, weights: Weights) => Promise<Step | undefined>;

/** By kind; nothing for what does nothing. */
const readers: Readonly<Record<string, Reader>> = {
  Dense: readDense,
  LayerNorm: readLayerNorm,
  Normalize: async ({ folder }, width) => {
    checkInput(await fieldsIfThere(join(folder, fileNames.config)));
    return { does: UNIT, step: unitLength, width };
  },
  Dropout: () => Promise.resolve(undefined),
};

/** What is done to anything but the pooled vector is another model. */
function checkInput(fields: JsonFields): void {
  for (const name of ['module_input_name', 'module_output_name']) fields.oneOf(name, 'sentence_embedding');
}

async function readDense({ folder }: Module, inputs: number, weights: Weights): Promise<Step> {
  const fields = await fieldsOf(join(folder, fileNames.config));
  checkInput(fields);
  if (fields.integer('in_features', 1) !== inputs)
    throw fields.refuse('in_features', `${inputs}, as the module before it gives`);
  const outputs = fields.integer('out_features', 1);
  if (outputs === undefined) throw fields.refuse('out_features', 'an integer of at least 1');
  const named = fields.text('activation_function') ?? 'torch.nn.Tanh';
  const [, name] = /^torch\.nn\.(?:modules\.\w+\.)?(\w+)$/.exec(named) ?? [];
  const activation = activations.get(name);
  if (!activation)
    throw fields.refuse('activation_function', `one of torch.nn's ${[...activations.keys()].join(', ')}`);
  const residual = fields.boolean('use_residual') ?? false;
  const shapes: Record<string, readonly number[]> = { 'linear.weight': [outputs, inputs] };
  if (fields.boolean('bias') ?? true) shapes['linear.bias'] = [outputs];
  if (residual && inputs !== outputs) shapes['residual.weight'] = [outputs, inputs];
  const found = await readTensors(folder, shapes, weights);
  const step = dense(
    {
      weight: found['linear.weight'],
      bias: found['linear.bias'],
      residual: residual ? (found['residual.weight'] ?? 'inputs') : undefined,
    },
    activation,
  );
  return { does: `a dense layer to ${outputs} (${name}${residual ? ', residual' : ''})`, step, width: outputs };
}

async function readLayerNorm({ folder }: Module, width: number, weights: Weights): Promise<Step> {
  const fields = await fieldsOf(join(folder, fileNames.config));
  if (fields.integer('dimension', 1) !== width)
    throw fields.refuse('dimension', `${width}, as the module before it gives`);
  const found = await readTensors(folder, { 'norm.weight': [width], 'norm.bias': [width] }, weights);
  return { does: 'a layer norm', step: layerNorm({ gain: found['norm.weight'], bias: found['norm.bias'] }), width };
}

/** The tensors of a module's folder: these and no others, of these shapes. */
async function readTensors(
  folder: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  weights: Weights,
): Promise<Record<string, Float32Array>> {
  return withSafetensors(await weightFiles(folder), ([file]) => {
    const extra = [...file.tensors.keys()].find((name) => !Object.hasOwn(shapes, name));
    if (extra !== undefined)
      throw new Error(`${file.file}: ${extra} has no place in the module that config.json describes.`);
    return Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const data = readOne(file, name, shape);
        weights(`${basename(folder)}.${name}`, data);
        return [name, data];
      }),
    );
  });
}

function readOne(file: SafetensorsFile, name: string, shape: readonly number[]): Float32Array {
  const found = file.tensors.get(name)?.shape;
  if (found && found.join() !== shape.join())
    throw new Error(
      `${file.file}: ${name} is [${found.join(', ')}], config.json beside it wants [${shape.join(', ')}].`,
    );
  // The bytes may be those of the file's buffer.
  return file.float32(name).data.slice();
}
