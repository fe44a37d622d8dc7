// Model folders on disk: written so that they appear whole, read with nothing in them trusted. After Hugging Face's layout.
import { join } from 'node:path';
import { Random, tensor, type Tensor } from '../core/index.js';
import { isFile, loadTokenizer, readJsonObject } from '../data/index.js';
import { toTokenizerJson, WordPiece } from '../data/index.js';
import {
  allTensors,
  BertForMaskedLM,
  BertHead,
  configFromHuggingFace,
  copyWeights,
  loadWeights,
  parameters,
  truncate,
} from '../nn/index.js';
import type { BertConfig, Representation, RepresentationName, SafetensorsFile, VectorStep } from '../nn/index.js';
import { description, dupmaeDescription, POOLS, poolsOf } from './description.js';
import { Fingerprint } from './fingerprint.js';
import { Undrawn } from './undrawn.js';
import {
  fileNames,
  headOf,
  modelFiles,
  representationOf,
  WORD_WEIGHTS,
  type ModelFilesOptions,
} from './model-files.js';
import { readModules, type Modules } from './modules.js';
import { readRepresentation } from './representation.js';
import { withSafetensors } from './safetensors.js';
import { saveFiles } from './save-files.js';
import { encoderSettings, vectorSettings, type VectorSettings } from './sentence-settings.js';
import { pooledAs, readVectors, type VectorRecipe } from './vectors.js';
import { checkSize, checkVocabulary, hasHead, loadEncoder, weightFiles } from './weight-files.js';

/** What was trained beside a model, as a checkpoint has it; the name is that of 0.1, whatever the objective. */
export const HEAD_FILE = join('training_state', 'decoder.safetensors');

/**
 * Writes a model as a Hugging Face folder: encoder and MLM head, tokenizer, settings for sentence-transformers, card.
 * A folder that is new or empty appears whole. In one that holds other things these stay, and the model's files are
 * replaced one by one, each atomically, the weights last.
 * @throws WriteError naming the path, with what was there left as it was; Error if tokenizer or length is not the model's
 */
export async function saveModel(
  dir: string,
  model: BertForMaskedLM,
  tokenizer: WordPiece,
  options: ModelFilesOptions,
): Promise<void> {
  await saveFiles(dir, await modelFiles(model, tokenizer, options));
}

export interface LoadedModel extends VectorSettings, Pick<VectorRecipe, 'pooling' | 'includePrompt'> {
  /** With the representation as its field `cls_projection`, where the folder has one. */
  model: BertForMaskedLM;
  tokenizer: WordPiece;
  config: BertConfig;
  /** What texts are made of: a pooling by its name, several joined by +, or 'dupmae'. */
  represent: string;
  /** DupMAE's, if that is asked for. */
  representation: Representation | undefined;
  /** Tokens of the longest text to give it, [CLS] and [SEP] included. */
  maxLength: number;
  /** What is done with a pooled vector, in order. */
  steps: readonly VectorStep[];
  /** How a text becomes a vector, in a sentence; undefined where that is the state of [CLS], at most scaled to length 1. */
  description: string | undefined;
  /** One for all folders that give the same vectors. */
  fingerprint: string;
  /** Whether the folder has an MLM head, whose table is that of the words or its own. */
  head: 'tied' | 'own' | 'none';
  /** Lines for the user: what the folder lacks, or has and is not used. */
  notes: readonly string[];
}

/**
 * Reads a model folder: one of ours, one of sentence-transformers, or any BERT checkpoint in safetensors, in one file or in
 * shards, with the names of today or of Google. A checkpoint without an MLM head gets a fresh one. What it returns are the
 * options of a `BertEncoder` too, whose vectors are those that sentence-transformers makes of the folder.
 * @throws naming the file: missing, cut short, with a header that is not true, of other shapes than config.json, with a
 *   vocabulary that is too large or without [MASK], asking for what is not built here, or without DupMAE's representation
 *   if that is asked for
 */
export async function loadModel(
  dir: string,
  {
    random = new Random(0),
    represent,
  }: {
    /** What a fresh head is drawn from. */
    random?: Random;
    /** What texts shall be made of, where that is another thing than the folder says. */
    represent?: RepresentationName;
  } = {},
): Promise<LoadedModel> {
  const { modules, json, config, paths, isTied } = await openFolder(dir);
  const isDupmae = represent === 'dupmae';
  const { maxLength, tokenizer } = await readTexts(modules, config);
  checkVocabulary(dir, tokenizer, config);
  const fingerprint = new Fingerprint();
  const found = await readVectors(modules, config, fingerprint.add);
  const recipe = represent === undefined || isDupmae ? found : pooledAs(represent, found, dir);
  const representation = readRepresentation(modules.encoder, json, config, isDupmae ? fingerprint.add : undefined);
  const settings = await vectorSettings(dir);
  const { pooling, includePrompt } = recipe;
  const { width, prompts } = settings;
  const steps =
    width === undefined ? recipe.steps : [...recipe.steps, { does: `cut to ${width} numbers`, step: truncate(width) }];
  return withSafetensors(paths, (files) => {
    const model = new BertForMaskedLM(config, new Undrawn(0));
    const own = isDupmae ? needed(dir, representation, files) : undefined;
    if (own && !isTied) refuseUntied(files);
    if (!hasHead(files)) Object.assign(model, { cls: new BertHead(config, random) });
    const notes = [...settings.notes, ...loadEncoder(model, files, fingerprint.add)];
    if (tokenizer.size < config.vocab_size)
      notes.push(
        `${dir}: of the ${config.vocab_size} rows of the word table, the tokenizer has ${tokenizer.size} tokens.`,
      );
    if (represent === undefined && representation)
      notes.push(`${dir}: was trained for DupMAE's representation too; --represent dupmae takes it.`);
    if (represent === undefined && !modules.others)
      notes.unshift(
        `${modules.file}: is not there, so the folder does not say how its vectors are made: ${unsaid(pooling)}.`,
      );
    if (recipe !== found && modules.others && pooling.join() !== found.pooling.join())
      notes.push(`${modules.file}: says ${poolsOf(found)}; ${poolsOf(recipe)} is taken instead, as asked for.`);
    if (representation) Object.assign(model, { cls_projection: representation });
    const { wordWeights } = recipe;
    if (wordWeights) Object.assign(model, { word_weights: weightsOf(wordWeights) });
    const does = steps.map((each) => each.does);
    const head: LoadedModel['head'] = !hasHead(files) ? 'none' : isTied || !hasOwnTable(files) ? 'tied' : 'own';
    const inputs = [numbersOf(config), toTokenizerJson(tokenizer), maxLength];
    const loaded = { ...settings, head, model, tokenizer, config, maxLength, pooling, includePrompt, notes };
    const common = { ...loaded, steps: steps.map(({ step }) => step) };
    if (own) {
      const { k, activation } = own;
      return {
        ...common,
        represent: 'dupmae',
        representation: own,
        similarity: 'dot',
        description: dupmaeDescription(own, settings),
        fingerprint: fingerprint.of([...inputs, prompts, { k, activation }]),
      };
    }
    return {
      ...common,
      represent: pooling.join('+'),
      representation: undefined,
      description: description(recipe, does, settings),
      fingerprint: fingerprint.of([...inputs, pooling, includePrompt, prompts, does]),
    };
  });
}

/** What each word counts in the mean of a folder's vectors, [V, 1]; undefined where all count the same. @throws as `loadModel` */
export async function wordWeightsOf(dir: string): Promise<Tensor | undefined> {
  const { modules, config } = await openFolder(dir);
  if (!modules.others?.some(({ kind }) => kind === WORD_WEIGHTS)) return undefined;
  const { wordWeights } = await readVectors(modules, config, () => undefined);
  return wordWeights && weightsOf(wordWeights);
}

const weightsOf = (values: Float32Array): Tensor => tensor(values, [values.length, 1], { requiresGrad: true });

/** @throws if what DupMAE's representation needs is not there */
function needed(dir: string, representation: Representation | undefined, files: readonly SafetensorsFile[]) {
  if (representation && hasHead(files)) return representation;
  const lacks = representation ? 'masked-language-model head, whose words' : 'cls_projection, which';
  throw new Error(
    `${dir}: has no ${lacks} --represent dupmae needs. Train it, with \`retromae pretrain --objective crop --represent dupmae --similarity dot\`, or give --represent cls or mean.`,
  );
}

/** What of the dimensions changes a vector beside the weights themselves. */
const numbersOf = ({ num_attention_heads, layer_norm_eps }: BertConfig) => ({ num_attention_heads, layer_norm_eps });

/** How a folder's texts come to its encoder. */
async function readTexts({ encoder }: Modules, { max_position_embeddings }: BertConfig) {
  const { maxLength, lowercase } = await encoderSettings(encoder, max_position_embeddings);
  return { maxLength, tokenizer: lowerCased(await loadTokenizer(encoder), lowercase) };
}

/** The tokenizer, with texts put in lower case before it does its own, as sentence-transformers' do_lower_case has it. */
function lowerCased(tokenizer: WordPiece, isAsked: boolean): WordPiece {
  const { vocab, options } = tokenizer;
  if (!isAsked || options.lowercase) return tokenizer;
  // Lower case does not take the accents with it here.
  return WordPiece.fromVocab(vocab, { ...options, lowercase: true, stripAccents: options.stripAccents ?? false });
}

const unsaid = (pooling: VectorRecipe['pooling']): string =>
  pooling.join() === 'cls'
    ? 'the state of [CLS] is taken, as RetroMAE trains it (sentence-transformers would take the mean of all tokens)'
    : `${POOLS[pooling[0]]} is taken, as its 1_Pooling says`;

/**
 * Begins a training with the encoder and the MLM head of a folder, and with what is trained beside them, if one of the same
 * shape is there. The tokenizer has to be the folder's as well. Returns lines for the user.
 * @throws as `loadModel`, or if a dimension of the model is not the folder's; the model may then be half filled
 */
export async function initialise(model: BertForMaskedLM, dir: string): Promise<string[]> {
  const { config, modules, json, paths, isTied } = await openFolder(dir);
  const found: Partial<Record<string, unknown>> = { ...config };
  for (const name of DIMENSIONS)
    if (found[name] !== model.config[name])
      throw new Error(
        `${join(modules.encoder, fileNames.config)}: ${name} is ${found[name] as number}, but ${model.config[name]} is asked for. Ask for the same, or begin without it.`,
      );
  const notes = withSafetensors(paths, (files) => {
    if (!isTied) refuseUntied(files);
    return loadEncoder(model, files);
  });
  const head = headOf(model);
  if (parameters(head).size === 0) return notes;
  const path = join(dir, HEAD_FILE);
  if (!(await isFile(path))) {
    const own = representationOf(model);
    const saved = own && readRepresentation(modules.encoder, json, config);
    if (saved) copyWeights(saved, own);
    const isAll = saved && parameters(head).size === parameters(own).size;
    return isAll ? notes : [...notes, `What${saved ? ' else' : ''} is trained beside the encoder begins anew.`];
  }
  return withSafetensors([path], ([file]) => {
    if (!sameShapes(head, file))
      return [...notes, `${path}: is of another shape, so what is trained beside the encoder begins anew.`];
    loadWeights(head, file);
    return notes;
  });
}

const DIMENSIONS = [
  'vocab_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
  'type_vocab_size',
  'layer_norm_eps',
] as const;

/** @throws if the MLM head has a table of its own: here it is that of the words */
function refuseUntied(files: readonly SafetensorsFile[]): void {
  const own = files.find(({ tensors }) => tensors.has(DECODER));
  if (own)
    throw new Error(
      `${own.file}: ${DECODER} is a table of its own, as tie_word_embeddings is false in ${fileNames.config}; training ties it to the words' table. Begin with a model whose tables are tied.`,
    );
}

const DECODER = 'cls.predictions.decoder.weight';

const hasOwnTable = (files: readonly SafetensorsFile[]): boolean => files.some(({ tensors }) => tensors.has(DECODER));

function sameShapes(module: object, { tensors }: SafetensorsFile): boolean {
  const wanted = allTensors(module);
  const fits = ([name, { shape }]: readonly [string, { shape: readonly number[] }]): boolean =>
    wanted.get(name)?.shape.join() === shape.join();
  return wanted.size === tensors.size && [...tensors].every(fits);
}

/**
 * The dimensions of a folder's model.
 * @throws naming config.json: missing, malformed, not a BERT, or of another model than the weights beside it
 */
export async function configOf(dir: string): Promise<BertConfig> {
  return (await openFolder(dir)).config;
}

/**
 * The tokenizer of a folder's model, with case folded as its settings for sentence-transformers have it.
 * @throws as `loadModel`
 */
export async function tokenizerOf(dir: string): Promise<WordPiece> {
  const { modules, config } = await openFolder(dir);
  return (await readTexts(modules, config)).tokenizer;
}

/** The encoder's part of a folder: where it lies, its dimensions, its weights. */
async function openFolder(dir: string) {
  const modules = await readModules(dir);
  if (modules.kind === 'StaticEmbedding')
    throw new Error(`${dir}: is a static encoder, a table of words; expected a BERT. Give the folder of one.`);
  const adapter = join(modules.encoder, 'adapter_config.json');
  if (await isFile(adapter))
    throw new Error(
      `${adapter}: an adapter (PEFT) changes the weights, which is not built here. Merge it into them, with merge_and_unload of peft, and save the model again.`,
    );
  const path = join(modules.encoder, fileNames.config);
  const json = await readJsonObject(path);
  const config = configFromHuggingFace(json, path);
  const paths = await weightFiles(modules.encoder);
  withSafetensors(paths, (files) => checkSize(config, path, files));
  return { modules, json, config, paths, isTied: json.tie_word_embeddings !== false };
}
