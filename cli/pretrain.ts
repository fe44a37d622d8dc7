// `retromae pretrain`: flags to settings, progress to the terminal, a report at the end.
import { join } from 'node:path';
import { flagOf, loadBeir, readJsonObject, type RetrievalSet } from '../data/index.js';
import { representationOf } from '../hub/index.js';
import { evaluateBm25, evaluateEncoder, heldOut } from '../retrieval/index.js';
import { objectiveNamed, type PretrainModel } from '../retromae/index.js';
import * as train from '../train/index.js';
import type { PretrainResult, PretrainSettings } from '../train/index.js';
import { say, sayLeft, shellLine, untilSignal, withBackend } from './common.js';
import { newEncoder } from './encoder.js';
import { checked, flagsOf, helpText, parseFlags, settingsOf, UsageError, type Flags } from './flags.js';
import { listObjectives } from './list.js';
import { watchRun } from './watch.js';

const { ownSettings, pretrainDefaults, settingRows, settingsThat } = train;

/** What may be given anew with --resume. */
const anew = settingsThat((row) => row.anew).map(flagOf);

/** Every setting is a flag. */
const flags = {
  ...flagsOf(settingRows),
  resume: { type: 'boolean', help: 'go on with the run in --out, to the same bits' },
  list: { type: 'boolean', help: 'print the objectives, and what a step of each costs at these settings' },
  config: { type: 'string', value: 'FILE', help: 'JSON with any of these settings; flags win over it' },
  json: { type: 'boolean', help: 'print every record as a JSON line instead of progress' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Trains a BERT encoder for retrieval, with RetroMAE or another --objective, and leaves a Hugging Face folder.

Usage: retromae pretrain [--corpus PATH] [--out DIR] [flags]
       retromae pretrain --resume --out DIR
       retromae pretrain --list

Ctrl-C (or SIGTERM, or a terminal that goes away) finishes the step, saves and leaves, with exit code 130 (143, 129); a
second Ctrl-C leaves at once. Either way, and after a kill, --resume ends with the same bits as a run that never stopped.
The flags of the run may be repeated with it. Of others, ${anew.filter((flag) => flag !== '--backend').join(', ')}
change no bit; --backend has bits of its own; and --steps N makes the run longer or shorter, finished or not: what
follows has the learning rates of a run of N steps.`;

/** Documents at most in the probe that is cut from the corpus. */
const PROBE_DOCUMENTS = 2000;
const PROBE_QUERIES = 200;

/**
 * The settings in a file: a plain object of them, or those of a `run.json`, of which the options of other objectives than
 * `objective` are left out.
 */
async function configFile(file: string, objective?: PretrainSettings['objective']): Promise<Partial<PretrainSettings>> {
  const parsed = await readJsonObject(file).catch((error: Error) => {
    throw new UsageError(`--config ${error.message}`);
  });
  const settings = parsed.settings ?? parsed;
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new UsageError(`--config ${file}: "settings" must be an object of settings.`);
  const names = Object.keys(settingRows);
  const unknown = Object.keys(settings).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`--config ${file}: there is no setting ${unknown}. They are ${names.join(', ')}.`);
  const { lr } = settings as { lr?: unknown };
  const given: Partial<PretrainSettings> = { ...settings, ...(typeof lr === 'number' && { lr: String(lr) }) };
  return parsed.settings ? ownSettings({ ...given, ...(objective && { objective }) }) : given;
}

const durations = ['steps', 'minutes', 'epochs'] as const;

/** Settings as they are asked for: flags win over the file, and so does how long to train, however that is said. */
async function askedFor(own: Partial<PretrainSettings>, config?: string): Promise<Partial<PretrainSettings>> {
  const [first, second] = durations.filter((name) => own[name] !== undefined);
  if (second) throw new UsageError(`--${first} and --${second} both say how long to train. Give one of them.`);
  const file = config === undefined ? {} : await configFile(config, own.objective);
  if (first) for (const name of durations) delete file[name];
  const asked = { ...file, ...own };
  const learnt = (['vocabSize', 'alphabetCoverage'] as const).find((name) => own[name] !== undefined);
  if (learnt && (asked.vocab ?? asked.init) !== undefined)
    throw new UsageError(`${flagOf(learnt)} is that of a vocabulary to be learnt, but one is given. Leave it out.`);
  return asked;
}

export async function pretrainCommand(args: string[]): Promise<void> {
  const { help, json = false, list, resume: resuming = false, config, ...given } = parseFlags(args, flags);
  if (help) return void process.stdout.write(helpText(usage, flags));
  const asked = await askedFor(settingsOf(given), config);
  if (list) {
    const sized = await checked(() => train.pretrainSettings(asked));
    return listObjectives(sized, asked.batch, json);
  }
  const { out = pretrainDefaults.out } = asked;
  const plan = resuming ? await train.readPlan(out) : undefined;
  const settings = await checked(() => (plan ? train.resumedSettings(plan, asked) : train.pretrainSettings(asked)));
  const command = shellLine(['retromae', 'pretrain', ...args]);
  await withBackend(settings, () =>
    untilSignal(async (signal) => {
      const probe = settings.evalEvery > 0 ? await probeSet(settings) : undefined;
      const { done, ...watching } = watch(settings, probe, json, signal);
      const hooks = { ...watching, command };
      const run = resuming ? train.resume(out, asked, hooks) : train.pretrain(asked, hooks);
      const result = await run.finally(done);
      await conclude(out, result, probe);
      return !result.interrupted;
    }),
  );
}

/** What the probe searches: a BEIR folder, or sentences cut from the first passages of the corpus. */
export async function probeSet(settings: PretrainSettings): Promise<RetrievalSet | undefined> {
  if (settings.eval) return loadBeir(settings.eval);
  const some: { id: string; text: string }[] = [];
  for await (const { text } of train.corpusDocuments(settings)) {
    if (some.length === PROBE_DOCUMENTS) break;
    some.push({ id: String(some.length), text });
  }
  try {
    return heldOut(some, { queries: PROBE_QUERIES, seed: settings.seed });
  } catch (error) {
    say(`No retrieval probe: ${(error as Error).message}`);
    return undefined;
  }
}

/** Hooks that show the run, and probe it. */
export const watch = (
  settings: PretrainSettings,
  probe: RetrievalSet | undefined,
  json: boolean,
  signal: AbortSignal,
) =>
  watchRun<PretrainModel>({
    ...{ corpus: settings.corpus, json, signal },
    scalars: objectiveNamed(settings.objective).scalars,
    probe: probe && {
      name: probe.name,
      measure: (model, tokenizer, onProgress) =>
        evaluateEncoder(newEncoder(model, tokenizer, representationOf(model), { maxLength: settings.seq }), probe, {
          onProgress,
        }),
    },
  });

/** The report, and the last lines. */
async function conclude(out: string, result: PretrainResult, probe?: RetrievalSet): Promise<void> {
  if (result.interrupted) return sayLeft('pretrain', out, result);
  const { settings, commands } = await train.readPlan(out);
  const { steps, probes } = await train.RunLog.read(out);
  const { title, scalars } = objectiveNamed(settings.objective);
  await train.writeReport(out, {
    title: `${title}: ${out}`,
    data: result.data,
    scalars,
    config: settings,
    steps,
    probes,
    baselines: probe && { BM25: evaluateBm25(probe).mean['ndcg@10'] },
    commands,
  });
  const wait = train.dataWait(steps);
  if (wait !== undefined) say(`Data wait: ${train.formatShare(wait)} of the time in steps.`);
  const next = shellLine(['retromae', 'eval', '--model', out, '--data', 'BEIRDIR', '--baseline', 'bm25']);
  say(`Model in ${out}, report in ${join(out, 'report.html')}. Try: ${next}`);
}
