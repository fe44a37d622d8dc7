// A model folder for other tools: as ONNX, or its weights in half precision and in shards.
import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isFile, readJsonObject, writeDirAtomic, writeError, writeFileAtomic } from '../data/index.js';
import { unitLength, type DType } from '../nn/index.js';
import { isCross, loadCross } from './cross-folder.js';
import { loadModel } from './folder.js';
import { asJson, fileNames } from './model-files.js';
import { readModules } from './modules.js';
import { crossGraph, encoderGraph, staticGraph, type Graph, type Precision } from './onnx/index.js';
import { isStatic, loadStatic } from './static-folder.js';
import { weightFiles } from './weight-files.js';
import { writeConverted } from './converted-weights.js';

/** What of an encoder is exported beside its hidden states. */
export const exportHeads = ['mlm', 'dupmae'] as const;
export type ExportHead = (typeof exportHeads)[number];

export interface OnnxOptions {
  readonly precision?: Precision;
  readonly head?: ExportHead;
  /** A folder to write, new or empty. Default: `onnx/` within the model's. */
  readonly out?: string;
}

export interface Exported {
  readonly kind: 'encoder' | 'cross-encoder' | 'static encoder';
  /** Where the folder is. */
  readonly folder: string;
  /** Paths of the files within the folder, with their bytes. */
  readonly files: ReadonlyMap<string, number>;
  /** How the graph's outputs become vectors, as transformers.js calls it: of an encoder. */
  readonly pooling?: string;
  readonly normalize?: boolean;
  /** Lines for the user. */
  readonly notes: readonly string[];
}

/** Names by which transformers.js finds the file of a precision, and what it calls that. */
const suffixes: Readonly<Record<Precision, readonly [suffix: string, dtype: string]>> = {
  f32: ['', 'fp32'],
  f16: ['_fp16', 'fp16'],
  int8: ['_quantized', 'q8'],
};

/**
 * Writes the model of a folder as ONNX: `onnx/model.onnx`, `model_fp16.onnx` or `model_quantized.onnx`, and in config.json
 * which of them transformers.js shall take where it would ask for one that is not there.
 * @throws as `loadModel`, if the model has not the head that is asked for, if its vectors are made by steps that a static
 *   graph has not, or if its weights are replaced meanwhile; WriteError; what was there then stays as it was
 */
export async function exportOnnx(dir: string, { precision = 'f32', head, out }: OnnxOptions = {}): Promise<Exported> {
  const source = (await readModules(dir)).encoder;
  const before = await stampOf(source);
  const { graph, ...made } = await graphOf(dir, precision, head);
  const name = `model${suffixes[precision][0]}.onnx`;
  const files = graph.files(name);
  if ((await stampOf(source)) !== before)
    throw new Error(
      `${dir}: its weights were replaced while they were read, as a running training does. Nothing was written; export again when it has ended.`,
    );
  const write = async (folder: string) => {
    const to = join(folder, 'onnx');
    await mkdir(to, { recursive: true }).catch((error: unknown) => {
      throw writeError(to, error);
    });
    // Numbers first: a graph never stands beside those of another model.
    for (const [file, chunks] of [...files].reverse()) await writeFileAtomic(join(to, file), chunks);
    await writeConfig(folder, [...files.keys()]);
  };
  if (out === undefined) await write(source);
  else
    await writeDirAtomic(out, async (folder) => {
      await copySmall(source, folder);
      await write(folder);
    });
  const sizes = [...files].map(([file, chunks]) => [
    `onnx/${file}`,
    chunks.reduce((sum, { length }) => sum + length, 0),
  ]);
  return { ...made, folder: out ?? source, files: new Map(sizes as [string, number][]) };
}

type Made = Omit<Exported, 'files' | 'folder'> & { readonly graph: Graph };

async function graphOf(dir: string, precision: Precision, head: ExportHead | undefined): Promise<Made> {
  const refused = (what: string) =>
    new Error(`${dir}: is a ${what}, which has no head ${JSON.stringify(head)}. Leave --head out.`);
  if (await isCross(dir)) {
    if (head) throw refused('cross-encoder');
    const { model } = await loadCross(dir);
    return { kind: 'cross-encoder', graph: await crossGraph(model, precision), notes: [] };
  }
  if (await isStatic(dir)) {
    if (head) throw refused('static encoder');
    const { model, steps, description, prompts, notes } = await loadStatic(dir);
    const isScaled = steps.length === 1 && steps[0] === unitLength;
    if (steps.length > 0 && !isScaled)
      throw new Error(
        `${dir}: ${description} ONNX is written of a mean, or of a mean scaled to length 1. Use it here.`,
      );
    return {
      kind: 'static encoder',
      graph: await staticGraph(model, precision, { isScaled }),
      notes: [...notes, ...promptNotes(prompts)],
    };
  }
  const {
    model,
    pooling,
    steps,
    notes,
    prompts,
    description,
    head: own,
    representation,
  } = await loadModel(dir, head === 'dupmae' ? { represent: 'dupmae' } : {});
  if (head && own !== 'tied')
    throw new Error(
      own === 'none'
        ? `${dir}: has no masked-language-model head, so that there are no logits. Leave --head out.`
        : `${dir}: its masked-language-model head has a table of its own (tie_word_embeddings is false), which is not built here. Leave --head out.`,
    );
  const graph = await encoderGraph(model, precision, { mlm: head === 'mlm', representation });
  const isScaled = steps.length === 1 && steps[0] === unitLength;
  const isPlain = pooling.length === 1 && !model.word_weights && (steps.length === 0 || isScaled) && !representation;
  const more = [
    ...(isPlain || representation
      ? []
      : [`The graph ends with the hidden states; what follows is yours to do: ${description}`]),
    ...promptNotes(prompts),
  ];
  return {
    kind: 'encoder',
    graph,
    ...(isPlain && { pooling: pooling[0], normalize: isScaled }),
    notes: [...notes, ...more],
  };
}

/** What a folder asks to be put before texts, which other programs do not know of. */
const promptNotes = (prompts: Readonly<Record<string, string>>): string[] =>
  Object.entries(prompts).flatMap(([role, prompt]) =>
    prompt === '' ? [] : [`Put ${JSON.stringify(prompt)} before each ${role}, as the folder asks for.`],
  );

/** Tells transformers.js which file there is, where it would ask for another. */
async function writeConfig(folder: string, apart: readonly string[]): Promise<void> {
  const path = join(folder, fileNames.config);
  const json = await readJsonObject(path);
  const there = await readdir(join(folder, 'onnx'));
  const has = Object.values(suffixes).filter(([suffix]) => there.includes(`model${suffix}.onnx`));
  const data = apart.filter((file) => file.endsWith('_data')).map((file) => [file.slice(0, -'_data'.length), true]);
  // Without a word of it, transformers.js takes q8 in browsers and fp32 elsewhere.
  const known = (json[ENTRY] ?? {}) as Record<string, unknown>;
  const settings = {
    ...known,
    dtype: has.some(([, dtype]) => dtype === 'fp32') && has.some(([, dtype]) => dtype === 'q8') ? undefined : has[0][1],
    ...(data.length > 0 && { use_external_data_format: Object.fromEntries(data) as Record<string, boolean> }),
  };
  const next = asJson({
    ...json,
    [ENTRY]: Object.values(settings).every((x) => x === undefined) ? undefined : settings,
  });
  if (next !== asJson(json)) await writeFileAtomic(path, next);
}

const ENTRY = 'transformers.js_config';

export interface ConvertOptions {
  readonly dtype: 'F32' | 'F16' | 'BF16';
  /** Most bytes of a file of weights. */
  readonly shardBytes: number;
  /** A folder to write, new or empty. */
  readonly out: string;
}

/**
 * Writes a model folder again with its weights in another precision, in shards with their index if they are more bytes than
 * one may have. Whole numbers stay what they are.
 * @throws as `loadModel` where files cannot be read; WriteError, with nothing left
 */
export async function exportSafetensors(dir: string, { dtype, shardBytes, out }: ConvertOptions): Promise<Exported> {
  const source = (await readModules(dir)).encoder;
  const paths = await weightFiles(source);
  const before = await stampOf(source);
  const kind = (await isCross(dir)) ? 'cross-encoder' : (await isStatic(dir)) ? 'static encoder' : 'encoder';
  let files = new Map<string, number>();
  await writeDirAtomic(out, async (folder) => {
    await copySmall(source, folder);
    files = writeConverted(paths, folder, dtype, shardBytes);
    const config = await readJsonObject(join(folder, fileNames.config));
    await writeFileAtomic(join(folder, fileNames.config), asJson({ ...config, torch_dtype: torchNames[dtype] }));
    if ((await stampOf(source)) !== before)
      throw new Error(
        `${dir}: its weights were replaced while they were read, as a running training does. Nothing was written; export again when it has ended.`,
      );
  });
  return { kind, folder: out, files, notes: [] };
}

const torchNames = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } satisfies Partial<Record<DType, string>>;

/** What a folder has beside its weights and its run: settings, tokenizer, modules, card. */
const small = new Set<string>([
  ...Object.values(fileNames).filter((name) => !name.startsWith('model.')),
  ...['tokenizer.json', 'vocab.txt', 'special_tokens_map.json', 'added_tokens.json', 'README.md'],
]);

async function copySmall(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true }))
    if (entry.isDirectory() ? /^\d+_\w+$/.test(entry.name) : small.has(entry.name))
      await cp(join(from, entry.name), join(to, entry.name), { recursive: true });
}

/** Changes when a file of the model is replaced. */
async function stampOf(folder: string): Promise<string> {
  const paths = [...(await weightFiles(folder)), join(folder, fileNames.config), join(folder, fileNames.dupmae)];
  const stamps = [];
  for (const path of paths) {
    if (!(await isFile(path))) continue;
    const { ino, mtimeMs, size } = await stat(path);
    stamps.push([basename(path), ino, mtimeMs, size].join());
  }
  return stamps.join(' ');
}
