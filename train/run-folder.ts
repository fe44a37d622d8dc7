// The folder of a run: run.json, by which it can be resumed, and what makes the folder as it was if the run never began.
import { readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ensureEmptyDir, isThere, readJsonObject, writeFileAtomic } from '../data/index.js';
import { BUILT_IN, ownSettings, pretrainSettings, settingsThat, type PretrainSettings } from './settings.js';

/** A stretch of a run: from this step on, its learning rate is that of a run of so many steps. */
export interface Leg {
  readonly from: number;
  readonly steps: number;
}

/** What is decided once at the start of a run and must be the same after a resume. */
export interface Plan {
  settings: PretrainSettings;
  /** How many steps there will be; not known before the corpus is tokenised. */
  steps?: number;
  /** Where the run was told to go on for another number of steps than before: its legs, the last to `steps`. */
  legs?: readonly Leg[];
  /** The command lines that began and resumed the run. */
  commands: readonly string[];
}

const FORMAT = 'retromae-run-1';
const planFile = (out: string): string => join(out, 'run.json');

/** Writes the plan of a run, its paths absolute, so that it can be resumed from any folder. */
export const writePlan = (out: string, { settings, ...plan }: Plan): Promise<void> =>
  writeFileAtomic(
    planFile(out),
    `${JSON.stringify({ format: FORMAT, settings: withAbsolutePaths(settings), ...plan }, null, 2)}\n`,
  );

/** What was relative to the folder that the command was given in is found from any other. */
export function withAbsolutePaths(settings: PretrainSettings): PretrainSettings {
  const given = settingsThat(({ path }) => path).flatMap((name) => {
    const value = settings[name as keyof PretrainSettings];
    return typeof value !== 'string' || (name === 'corpus' && value === BUILT_IN) ? [] : [[name, resolve(value)]];
  });
  return { ...settings, ...(Object.fromEntries(given) as Partial<PretrainSettings>) };
}

const isLeg = (value: unknown): value is Leg =>
  [(value as Partial<Leg> | null)?.from, (value as Partial<Leg> | null)?.steps].every(Number.isSafeInteger);

/** The plan of a run's folder. @throws if there is none, or it is not whole */
export async function readPlan(out: string): Promise<Plan> {
  const file = planFile(out);
  if (!(await isThere(file)))
    throw new Error(`${file}: is not there, so there is no run to resume in ${out}. Start one without --resume.`);
  const { format, settings, steps, legs, commands } = await readJsonObject(file);
  const isWhole =
    format === FORMAT &&
    typeof settings === 'object' &&
    (steps === undefined || (Number.isSafeInteger(steps) && Number(steps) > 0)) &&
    (legs === undefined || (Array.isArray(legs) && legs.every(isLeg) && legs.at(-1)?.steps === steps)) &&
    Array.isArray(commands) &&
    commands.every((command) => typeof command === 'string');
  if (!isWhole)
    throw new Error(`${file}: is not the plan of a run, expected ${FORMAT}. Start another in a new folder.`);
  return {
    settings: pretrainSettings(ownSettings({ ...settings, out })),
    steps: steps as number | undefined,
    ...(legs !== undefined && { legs: legs as Leg[] }),
    commands,
  };
}

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
