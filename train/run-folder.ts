// The folder of a run: run.json, by which it can be resumed, and what makes the folder as it was if the run never began.
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ensureEmptyDir, isThere, readJsonObject, writeFileAtomic } from '../data/index.js';
import { ownSettings, pretrainSettings, settingRows, type PretrainSettings, type Setting } from './settings.js';

/** A stretch of a run: from this step on, its learning rate is that of a run of so many steps. */
export interface Leg {
  readonly from: number;
  readonly steps: number;
}

/** What is decided once at the start of a run and must be the same after a resume. @typeParam S settings */
export interface Plan<S = PretrainSettings> {
  settings: S;
  /** How many steps there will be; not known before the corpus is tokenised. */
  steps?: number;
  /** Where the run was told to go on for another number of steps than before: its legs, the last to `steps`. */
  legs?: readonly Leg[];
  /** The command lines that began and resumed the run. */
  commands: readonly string[];
}

/** A kind of run: what its settings are, and how its plan is told from that of another kind. */
export interface RunKind<S> {
  readonly format: string;
  readonly rows: Readonly<Record<string, Setting>>;
  /** Completes settings that were read or given, and checks them. @throws naming the flag */
  complete(given: Partial<S>): S;
  /** Of settings that an older version wrote down, those that still are some. */
  own?(given: Partial<S>): Partial<S>;
}

const planFile = (out: string): string => join(out, 'run.json');

/** What was relative to the folder that the command was given in is found from any other. */
export function withAbsolutePaths<S extends object>({ rows }: Pick<RunKind<S>, 'rows'>, settings: S): S {
  const given = Object.entries(settings).flatMap(([name, value]: [string, unknown]) =>
    rows[name]?.path && typeof value === 'string' && !rows[name].isNoPath?.(value) ? [[name, resolve(value)]] : [],
  );
  return { ...settings, ...(Object.fromEntries(given) as Partial<S>) };
}

const isLeg = (value: unknown): value is Leg =>
  [(value as Partial<Leg> | null)?.from, (value as Partial<Leg> | null)?.steps].every(Number.isSafeInteger);

/** Writes the plan of a run, its paths absolute, so that it can be resumed from any folder. */
export const writePlanOf = <S extends object>(
  kind: RunKind<S>,
  out: string,
  { settings, ...plan }: Plan<S>,
): Promise<void> =>
  writeFileAtomic(
    planFile(out),
    `${JSON.stringify({ format: kind.format, settings: withAbsolutePaths(kind, settings), ...plan }, null, 2)}\n`,
  );

/** The plan of a run's folder. @throws if there is none, it is of another kind, or not whole */
export async function readPlanOf<S extends object>(
  { format: wanted, complete, own = (given) => given }: RunKind<S>,
  out: string,
): Promise<Plan<S>> {
  const file = planFile(out);
  if (!(await isThere(file)))
    throw new Error(`${file}: is not there, so there is no run to resume in ${out}. Start one without --resume.`);
  const { format, settings, steps, legs, commands } = await readJsonObject(file);
  const isWhole =
    format === wanted &&
    typeof settings === 'object' &&
    (steps === undefined || (Number.isSafeInteger(steps) && Number(steps) > 0)) &&
    (legs === undefined || (Array.isArray(legs) && legs.every(isLeg) && legs.at(-1)?.steps === steps)) &&
    Array.isArray(commands) &&
    commands.every((command) => typeof command === 'string');
  if (!isWhole)
    throw new Error(`${file}: is not the plan of a run, expected ${wanted}. Start another in a new folder.`);
  return {
    settings: complete(own({ ...(settings as Partial<S>), out })),
    steps: steps as number | undefined,
    ...(legs !== undefined && { legs: legs as Leg[] }),
    commands,
  };
}

/** Pre-training. */
export const pretraining: RunKind<PretrainSettings> = {
  format: 'retromae-run-1',
  rows: settingRows,
  complete: pretrainSettings,
  own: ownSettings,
};

export const writePlan = (out: string, plan: Plan): Promise<void> => writePlanOf(pretraining, out, plan);
export const readPlan = (out: string): Promise<Plan> => readPlanOf(pretraining, out);

/**
 * Makes sure that a run can begin in a folder: new or empty, and one can write there.
 * @returns how to leave everything as it was: the folder empty again, or gone if it was made here
 * @throws as `ensureEmptyDir`
 */
export async function claimFolder(out: string): Promise<() => Promise<void>> {
  const made: string[] = [];
  for (let path = resolve(out); !(await isThere(path)); path = dirname(path)) made.push(path);
  // Folders on the way may hold other people's things by now, so they are not removed with what they hold.
  const removeFolders = async () => {
    for (const path of made) await rmdir(path).catch(() => undefined);
  };
  try {
    await ensureEmptyDir(out);
  } catch (error) {
    await removeFolders();
    throw error;
  }
  return async () => {
    for (const name of await readdir(out)) await rm(join(out, name), { recursive: true, force: true });
    await removeFolders();
  };
}
