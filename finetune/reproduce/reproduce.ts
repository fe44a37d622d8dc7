// A table of the paper in miniature: `compare`, with a fine-tuning before each measurement. What `retromae reproduce` does.
//
// The folder is that of a comparison (train/compare/compare.ts) with reproduce.json instead of compare.json, text.jsonl (what is
// searched, where no other text is given), what stages.ts says of fine-tuning, and results.json. What is there is not done again.
import { join, resolve } from 'node:path';
import { flagOf, isThere, loadBeir, readJsonObject, writeFileAtomic, type RetrievalSet } from '../../data/index.js';
import { evaluateBm25, sharingQueries } from '../../retrieval/index.js';
import {
  claimFolder,
  runComparison,
  withAbsolutePaths,
  type CompareHooks,
  type ComparePlan,
  type Job,
  type Outcome,
} from '../../train/index.js';
import { tableNames, type TableName } from './paper.js';
import { scoresOf, type SetScores } from './scores.js';
import { pretrainingOf, refuseBoth, reproduceSettings, rows, type ReproduceSettings } from './settings.js';
import { measureTeacher, runStages, stagesOf, type Bench, type StageHooks, type StageScores } from './stages.js';
import { objectivesOf, tableNamed, type Stage, type Table } from './tables.js';
import { resultsOf, type Measured, type TableResult } from './verdicts.js';

/** What is decided once, and written to reproduce.json. */
export interface ReproducePlan {
  readonly table: TableName;
  readonly settings: ReproduceSettings;
  readonly commands: readonly string[];
}

export interface ReproduceHooks extends StageHooks, Pick<CompareHooks<StageScores>, 'watch' | 'planned'> {
  /** The command line, kept in reproduce.json. */
  readonly command?: string;
}

export interface Reproduced extends TableResult {
  readonly plan: ReproducePlan;
  readonly table: Table;
  readonly sets: readonly RetrievalSet[];
  readonly outcomes: readonly Outcome<StageScores>[];
  readonly met?: Measured['met'];
}

const FORMAT = 'retromae-reproduce-1';
const planFile = (out: string): string => join(out, 'reproduce.json');

/**
 * Reproduces a table in a folder that is new or empty, or goes on with the one that is there.
 * @param asked a plan, as `reproducePlan` makes it
 * @returns nothing if the signal broke it off
 * @throws as `runComparison` and `finetune`, or if a set is not what it should be; before the first run it leaves no trace
 */
export async function reproduce(asked: ReproducePlan, hooks: ReproduceHooks = {}): Promise<Reproduced | undefined> {
  const { settings } = asked;
  const { out } = settings;
  const sets = await setsOf(settings, hooks);
  const train = settings.train === undefined ? undefined : await loadBeir(settings.train, { split: 'train' });
  const table = tableNamed(asked.table, train !== undefined, settings.rows);
  const leave = (await isThere(planFile(out))) ? undefined : await claimFolder(out);
  const plan = { ...asked, commands: [...asked.commands, ...(hooks.command === undefined ? [] : [hooks.command])] };
  try {
    await writePlan(plan);
    const text = settings.corpus ?? (await textOf(out, sets));
    const bench = { table, settings, text, sets, train };
    const outcomes = await runsOf(plan, bench, hooks);
    return outcomes && (await concluded(plan, bench, outcomes, hooks));
  } catch (error) {
    if (leave && !(await isThere(join(out, 'runs')))) await leave();
    if (hooks.signal?.aborted && error === hooks.signal.reason) return undefined;
    throw error;
  }
}

/** BEIR folders, each under a name of its own. */
async function setsOf(settings: ReproduceSettings, { message }: ReproduceHooks): Promise<RetrievalSet[]> {
  const sets = await Promise.all(foldersOf(settings).map((dir) => loadBeir(dir)));
  sets.forEach(({ warnings }) => warnings.forEach((line) => message?.(line)));
  const twice = sets.find(({ name }, i) => sets.findIndex((other) => other.name === name) < i);
  if (twice) throw new Error(`${flagOf('data')} names two folders that are called ${twice.name}. Rename one.`);
  return sets;
}

const foldersOf = ({ data = '' }: ReproduceSettings): string[] => data.split(',').map((dir) => resolve(dir.trim()));

/** The text of what is searched, in the table's folder. @returns its file */
async function textOf(out: string, sets: readonly RetrievalSet[]): Promise<string> {
  const file = join(out, 'text.jsonl');
  function* lines(): Generator<Uint8Array> {
    for (const { name, corpus } of sets)
      for (const { id, ...texts } of corpus)
        yield Buffer.from(`${JSON.stringify({ _id: `${name}/${id}`, ...texts })}\n`);
  }
  if (!(await isThere(file))) await writeFileAtomic(file, lines());
  return file;
}

/** All runs of a table, pre-trained, fine-tuned and measured; nothing if they were broken off. */
async function runsOf(
  { settings, commands }: ReproducePlan,
  bench: Omit<Bench, 'firstOf'>,
  hooks: ReproduceHooks,
): Promise<readonly Outcome<StageScores>[] | undefined> {
  const { table, text } = bench;
  const plan: ComparePlan = {
    ...{ objectives: objectivesOf(table), seeds: settings.seeds, eval: foldersOf(settings), commands },
    settings: await pretrainingOf(settings, text),
  };
  let jobs: readonly Job[] = [];
  const firstOf = (stage: Stage): string =>
    join(settings.out, 'runs', jobs.find((job) => stagesOf(table, job).includes(stage))!.name, stage);
  const outcomes = await runComparison<StageScores>(plan, {
    ...hooks,
    planned: (all, left) => {
      jobs = all;
      hooks.planned?.(all, left);
    },
    evaluate: (_, _tokenizer, place) => runStages({ ...bench, firstOf }, place, hooks),
  });
  return hooks.signal?.aborted ? undefined : outcomes;
}

/** The results, also in results.json. */
async function concluded(
  plan: ReproducePlan,
  bench: Omit<Bench, 'firstOf'>,
  outcomes: readonly Outcome<StageScores>[],
  hooks: ReproduceHooks,
): Promise<Reproduced> {
  const { table, sets, settings, train } = bench;
  const runs = new Map<string, StageScores[]>();
  for (const { job, evaluation } of outcomes) runs.set(job.label, [...(runs.get(job.label) ?? []), evaluation]);
  const others = new Map<string, SetScores>([
    ['BM25', Object.fromEntries(sets.map((set) => [set.name, scoresOf(evaluateBm25(set), set)]))],
  ]);
  const teacher = await measureTeacher(bench, hooks);
  if (teacher) others.set('BM25, reranked by the teacher', teacher);
  const own = train && sets[foldersOf(settings).indexOf(resolve(settings.train!))];
  const met = own && { set: own.name, queries: sharingQueries(own.qrels, train.qrels) };
  const found = await resultsOf({ table, sets, runs, others, met });
  await writeFileAtomic(
    join(settings.out, 'results.json'),
    `${JSON.stringify({ table: plan.table, seeds: settings.seeds, ...found }, null, 2)}\n`,
  );
  return { ...found, plan, table, sets, outcomes, met };
}

/**
 * The plan of the table in a folder, or a new one.
 * @param name left out, it is that of the folder
 * @throws if the folder's is another: naming the flag and both values; or a setting is not what it must be
 */
export async function reproducePlan(
  name: TableName | undefined,
  given: Partial<ReproduceSettings>,
): Promise<ReproducePlan> {
  refuseBoth(given);
  const { out = rows.out.preset as string, data } = given;
  const folders = data === undefined ? undefined : foldersOf({ data } as ReproduceSettings).join(',');
  const asked = withAbsolutePaths({ rows }, { ...given, ...(folders !== undefined && { data: folders }) });
  if (await isThere(planFile(out))) return goingOn(await readPlan(out), name, asked);
  if (name === undefined) throw new Error(`${planFile(out)}: is not there. Say which table: ${tableNames.join(', ')}.`);
  const settings = reproduceSettings(name, tableNamed(name, asked.train !== undefined, asked.rows), asked);
  return { table: name, settings: withAbsolutePaths({ rows }, settings), commands: [] };
}

/** A table goes on as it began; what changes no bit may be given anew. */
function goingOn(plan: ReproducePlan, name: TableName | undefined, given: Partial<ReproduceSettings>): ReproducePlan {
  const { table, settings } = plan;
  const refuse = (what: string, before: unknown): never => {
    throw new Error(
      `${what}, but the table in ${settings.out} began with ${JSON.stringify(before) ?? 'none'}. Leave it out, or begin another in a new folder.`,
    );
  };
  if (name !== undefined && name !== table) refuse(`${name} is asked for`, table);
  const former: Readonly<Record<string, unknown>> = settings;
  for (const [flag, value] of Object.entries(given))
    if (value !== undefined && flag !== 'out' && value !== former[flag] && !rows[flag].anew)
      refuse(`${flagOf(flag)} is ${JSON.stringify(value)}`, former[flag]);
  const anew = Object.entries(given).filter(([flag, value]) => value !== undefined && rows[flag].anew);
  return { ...plan, settings: { ...settings, ...Object.fromEntries(anew) } };
}

async function readPlan(out: string): Promise<ReproducePlan> {
  const { format, table, settings, commands } = await readJsonObject(planFile(out));
  const name = tableNames.find((each) => each === table);
  if (format !== FORMAT || !name || typeof settings !== 'object' || !Array.isArray(commands))
    throw new Error(`${planFile(out)}: is not the plan of a table, expected ${FORMAT}. Start another in a new folder.`);
  const own = settings as ReproduceSettings;
  const checked = reproduceSettings(name, tableNamed(name, own.train !== undefined, own.rows), {
    ...own,
    out: resolve(out),
  });
  return { table: name, settings: checked, commands: commands as string[] };
}

const writePlan = (plan: ReproducePlan): Promise<void> =>
  writeFileAtomic(planFile(plan.settings.out), `${JSON.stringify({ format: FORMAT, ...plan }, null, 2)}\n`);
