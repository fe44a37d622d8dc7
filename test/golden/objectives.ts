// Golden numbers of every other objective: folders laid out as shared/golden/objectives/README.md says.
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setBackend } from '../../core/index.js';
import type { Backend, FloatArray } from '../../kernels/index.js';
import { AdamW, configFromHuggingFace, loadWeights, SafetensorsFile } from '../../nn/index.js';
import { gradientsOf, worse, type Finding } from './check.js';
import { rows, trainedBy, type Inputs, type Row, type Settings, type Trained } from './objective-rows.js';

/** The README's: of losses relative to max(1, |loss|), of gradients to the largest number of the tensor. */
const limits = {
  float32: { loss: 1e-5, gradient: 1e-4, steps: 1e-4 },
  float64: { loss: 1e-9, gradient: 1e-6, steps: 1e-7 },
};

type VariantLosses = Record<string, number> & { adamw_loss_per_step: number[]; adamw_loss_after: number };

interface Folder {
  readonly name: string;
  readonly settings: Settings & { zero_gradients?: Record<string, string[]> };
  readonly config: Record<string, unknown>;
  readonly inputs: Inputs;
  readonly losses: Record<string, VariantLosses>;
  readonly weights: SafetensorsFile;
  readonly expected: SafetensorsFile;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Names of the objectives' folders in a folder; undefined if it is not one of these. */
export async function objectiveFolders(dir: string): Promise<string[] | undefined> {
  const entries = await readdir(dir).catch(() => []);
  const found: string[] = [];
  for (const name of entries.sort())
    if ((await isThere(join(dir, name, 'losses.json'))) && (await isThere(join(dir, name, 'expected.safetensors'))))
      found.push(name);
  return found.length > 0 ? found : undefined;
}

/** Checks all objectives of a folder on a backend, or `some`; `missing` are those that there is no row for. */
export async function checkObjectives(
  dir: string,
  backend: Backend,
  some?: readonly string[],
): Promise<{ findings: Finding[]; missing: string[] }> {
  const names = some ?? (await objectiveFolders(dir)) ?? [];
  const former = setBackend(backend);
  const findings: Finding[] = [];
  try {
    for (const name of names) if (rows[name]) findings.push(...(await checkFolder(dir, name, backend)));
    return { findings, missing: names.filter((name) => !rows[name]) };
  } finally {
    setBackend(former);
  }
}

async function checkFolder(dir: string, name: string, backend: Backend): Promise<Finding[]> {
  const folder = await readFolder(dir, name);
  const findings: Finding[] = [];
  for (const variant of Object.keys(folder.losses))
    findings.push(...(await checkVariant(folder, rows[name], variant, backend)));
  return findings;
}

/** @throws naming the file that is missing or not as it should be */
async function readFolder(dir: string, name: string): Promise<Folder> {
  const json = async (file: string) => {
    const path = join(dir, name, file);
    try {
      return JSON.parse(await readFile(path, 'utf8')) as Record<string, never>;
    } catch (error) {
      throw new Error(`${path}: ${(error as Error).message}. Generate it again.`, { cause: error });
    }
  };
  const tensors = async (path: string) => new SafetensorsFile(await readFile(path), path);
  const { objective = {}, ...config } = await json('config.json');
  return {
    name,
    settings: objective,
    config,
    inputs: await json('inputs.json'),
    losses: await json('losses.json'),
    weights: await tensors(join(dir, 'weights.safetensors')),
    expected: await tensors(join(dir, name, 'expected.safetensors')),
  };
}

async function checkVariant(folder: Folder, row: Row, variant: string, backend: Backend): Promise<Finding[]> {
  const { name, settings, losses } = folder;
  const limit = limits[backend.dtype];
  const objective = `${name} ${variant}`;
  const load = () => withWeights(folder, row, variant);
  const wanted = losses[variant];
  const { model, losses: lossesNow } = load();
  const found = await gradientsOf(model, lossesNow);
  const parts = Object.entries({ ...row.losses, total: 'loss' }).filter(([theirs]) => wanted[theirs] !== undefined);
  const zero = settings.zero_gradients?.[variant] ?? [];
  return [
    ...parts.map(([theirs, ours]) => ({
      objective,
      what: `loss ${ours}`,
      difference: relative(found.losses[ours], wanted[theirs]),
      limit: limit.loss,
    })),
    { objective, ...worstGradient(found.gradients, folder.expected, variant, zero), limit: limit.gradient },
    { objective, what: '5 AdamW steps', difference: await stepsOff(load(), wanted), limit: limit.steps },
  ];
}

const relative = (ours: number, theirs: number): number => Math.abs(ours - theirs) / Math.max(1, Math.abs(theirs));

/** What is trained, with the folder's weights; only what is frozen may lack there. */
function withWeights({ name, config, inputs, settings, weights }: Folder, row: Row, variant: string): Trained {
  const shape = configFromHuggingFace(config, `${name}/config.json`);
  const trained = trainedBy(row, shape, inputs, variant, settings);
  loadWeights(trained.model, weights, (tensor) => tensor.startsWith('generator.'));
  return trained;
}

/** Loss before each of five steps, and after the last: the largest difference. */
async function stepsOff({ model, losses }: Trained, wanted: VariantLosses): Promise<number> {
  const optimizer = new AdamW(model, { lr: 1e-3, weightDecay: 0.01, decay: 'matrices' });
  let off = 0;
  for (const loss of [...wanted.adamw_loss_per_step, wanted.adamw_loss_after]) {
    const numbers = await optimizer.step(losses);
    off = worse(off, relative(numbers.loss, loss));
  }
  return off;
}

/**
 * The worst difference over all gradients, each relative to its largest number; those that are 0 by formula, and those that
 * only one side has, to the largest of all.
 */
function worstGradient(
  found: ReadonlyMap<string, FloatArray>,
  expected: SafetensorsFile,
  variant: string,
  zero: readonly string[],
): { what: string; difference: number } {
  const prefix = `${variant}.grad.`;
  const theirs = new Map(
    [...expected.tensors.keys()]
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name.slice(prefix.length), expected.float32(name).data]),
  );
  if (theirs.size === 0) throw new Error(`${expected.file}: no tensor is named ${prefix}... Generate it again.`);
  const top = Math.max(...Array.from(theirs.values(), largest));
  let difference = 0;
  let where = '';
  for (const name of new Set([...theirs.keys(), ...found.keys()])) {
    const [ours, wanted] = [found.get(name), theirs.get(name)];
    const scale = wanted && !zero.includes(name) ? largest(wanted) : top;
    let off = 0;
    for (let i = 0; i < (wanted ?? ours)!.length; i++)
      off = worse(off, Math.abs((ours?.[i] ?? 0) - (wanted?.[i] ?? 0)) / scale);
    if (worse(difference, off) !== difference) [difference, where] = [off, name];
  }
  return { what: `worst gradient${where && `, ${where}`}`, difference };
}

const largest = (values: ArrayLike<number>): number => {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(values[i]));
  return top;
};
