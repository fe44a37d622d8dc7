// `retromae compare`: objectives side by side, for the same time, and what each bought.
import { join } from 'node:path';
import { flagOf, loadBeir, writeFileAtomic, type RetrievalSet } from '../data/index.js';
import { representationOf } from '../hub/index.js';
import { evaluateBm25, evaluateEncoder } from '../retrieval/index.js';
import { objectiveNamed, rules } from '../retromae/index.js';
import * as train from '../train/index.js';
import type { CompareHooks, ComparePlan, Outcome, PretrainSettings } from '../train/index.js';
import { resumeLine, say, shellLine, untilSignal, withBackend } from './common.js';
import { scoresOf, standings, tableOf, type SetScores, type Standing } from './compare-table.js';
import { newEncoder } from './encoder.js';
import { checked, flagsOf, helpText, parseFlags, settingsOf, UsageError, type Flags } from './flags.js';
import { probeSet, watch } from './pretrain.js';
import { RunCounter } from './run-counter.js';

/** The settings of a run that are those of all: none of an objective's own, and where and what to measure is said otherwise. */
const base = train.pretrainSettings({ objective: 'mlm', out: 'runs/compare', evalEvery: 0 });
const own = ['objective', 'out', 'eval', ...Object.keys(objectiveNamed('mlm').options)];
const common = Object.fromEntries(
  Object.entries(train.settingRows)
    .filter(([name]) => name in base && !own.includes(name))
    .map(([name, row]) => [name, { ...row, preset: base[name as keyof PretrainSettings] }]),
);

const flags = {
  objectives: {
    type: 'string',
    value: 'NAMES',
    preset: 'all',
    help: 'all, or names with commas, with options: mlm,retromae:decoder=basic:decoder-layers=3,retromae+crop',
  },
  seeds: { type: 'number', rule: rules.integer(1), preset: 1, help: 'runs of each objective, from --seed on' },
  eval: { type: 'string', value: 'DIRS', help: 'BEIR folders, with commas (default: sentences cut from the corpus)' },
  out: { type: 'string', value: 'DIR', preset: base.out, help: 'folder of all runs, results and the report' },
  ...flagsOf(common),
  resume: { type: 'boolean', help: 'go on with the comparison in --out, to the same bits' },
  json: { type: 'boolean', help: 'print the standings as JSON' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Flags;

const usage = `Trains an encoder with each objective for the same time (--minutes, or --steps), and measures what it bought, zero-shot.

Usage: retromae compare [--objectives NAMES] [--corpus PATH] [--eval BEIRDIR[,BEIRDIR]] --minutes M [--seeds S] [flags]
       retromae compare --resume --out DIR

All runs of a seed begin with the same encoder and see the texts in the same order, in batches of about as many tokens:
--batch is MLM's. Ctrl-C saves and leaves; --resume goes on, after a kill too. The settings are the same for all, so an
objective that needs others (a learning rate, for instance) is not shown at its best.`;

export async function compareCommand(args: string[]): Promise<void> {
  const given = parseFlags(args, flags);
  if (given.help) return void process.stdout.write(helpText(usage, flags));
  const { objectives, seeds, eval: sets, out = base.out, resume: resuming, json, help: _, ...rest } = given;
  const command = shellLine(['retromae', 'compare', ...args]);
  const settings = settingsOf<PretrainSettings>(rest);
  const former = resuming ? await train.readComparison(out) : undefined;
  if (former) refuseOthers({ objectives, seeds, eval: sets, ...settings });
  const plan = former
    ? { ...former, commands: [...former.commands, command] }
    : await checked(() => newPlan({ objectives, seeds, sets, settings: { ...settings, out } }, command));
  const all = await setsOf(plan);
  await withBackend(plan.settings, () =>
    untilSignal(async (signal) => {
      const leave = await (former ? train.writeComparison(out, plan) : train.beginComparison(out, plan));
      const outcomes = await train
        .runComparison<SetScores>(plan, hooksFor(plan, all, signal))
        .catch(async (error: unknown) => {
          await leave?.();
          throw error;
        });
      if (signal.aborted) {
        say(`Saved. Go on with: ${resumeLine('compare', out)}`);
        return false;
      }
      const bm25 = Object.fromEntries(all.map((set) => [set.name, scoresOf(evaluateBm25(set))]));
      const found = await standings(outcomes, bm25);
      await report(plan, outcomes, found);
      process.stdout.write(json ? `${JSON.stringify(found)}\n` : tableOf(found));
      say(`Results in ${join(out, 'results.json')}, curves in ${join(out, 'report.html')}.`);
      return true;
    }),
  );
}

interface Asked {
  objectives?: string;
  seeds?: number;
  sets?: string;
  settings: Partial<PretrainSettings>;
}

/** @throws for what does not go together */
async function newPlan(
  { objectives = 'all', seeds = 1, sets, settings }: Asked,
  command: string,
): Promise<ComparePlan> {
  train.parseEntries(objectives);
  if (settings.minutes !== undefined && settings.steps !== undefined)
    throw new Error('--minutes and --steps both say how long to train. Give one of them.');
  const { cacheChunk = 0, ...others } = settings;
  const complete = await train.newSettings({ objective: 'mlm', evalEvery: base.evalEvery, ...others });
  const eval_ = sets?.split(',').map((dir) => dir.trim()) ?? [];
  return {
    ...{ objectives, seeds, eval: eval_, commands: [command] },
    // MLM's, which has no chunks.
    settings: { ...complete, cacheChunk },
  };
}

/** A comparison goes on as it began. */
function refuseOthers(given: Readonly<Record<string, unknown>>): void {
  const name = Object.keys(given).find((each) => given[each] !== undefined);
  if (name) throw new UsageError(`${flagOf(name)} cannot be given with --resume: the comparison goes on as it began.`);
}

/** What is searched, each set under a name of its own. */
async function setsOf({ settings, eval: folders }: ComparePlan): Promise<RetrievalSet[]> {
  if (folders.length === 0) {
    const held = await probeSet({ ...settings, eval: undefined });
    if (!held) throw new UsageError('--eval is missing: the corpus has no sentences to cut out. Give BEIR folders.');
    return [held];
  }
  const sets = await Promise.all(folders.map((dir) => loadBeir(dir)));
  sets.forEach(({ warnings }) => warnings.forEach(say));
  const twice = sets.find(({ name }, i) => sets.findIndex((other) => other.name === name) < i);
  if (twice) throw new UsageError(`--eval names two folders that are called ${twice.name}. Rename one.`);
  return sets;
}

function hooksFor(plan: ComparePlan, sets: readonly RetrievalSet[], signal: AbortSignal): CompareHooks<SetScores> {
  const { settings } = plan;
  const counter = new RunCounter(settings.minutes);
  return {
    signal,
    message: say,
    planned: (jobs, left) => {
      const { total, done } = counter.planned(jobs, left);
      say(costOf(plan, total));
      if (done > 0) say(`${done} of them are done.`);
      for (const { label, seed, batch } of jobs)
        if (seed === settings.seed && batch > 0 && batch !== settings.batch)
          say(`${label}: --batch ${batch}, for as many tokens a batch as MLM's ${settings.batch}.`);
    },
    watch: (job, own) => {
      say(counter.next(job));
      const hooks = watch(own, settings.evalEvery > 0 ? sets[0] : undefined, false, signal);
      // The corpus is that of all: what it is, is said once.
      return counter.isFirst ? hooks : { ...hooks, data: undefined };
    },
    evaluate: async (model, tokenizer) => {
      // What is trained is measured; of vectors, as the folder that is saved says.
      const representation = representationOf(model);
      const encoder = newEncoder(model, tokenizer, representation, { maxLength: settings.seq });
      const similarity = representation ? 'dot' : 'cosine';
      const found: Record<string, SetScores[string]> = {};
      for (const set of sets) {
        const onProgress = () => signal.throwIfAborted();
        found[set.name] = scoresOf(await evaluateEncoder(encoder, set, { similarity, onProgress }));
      }
      return found;
    },
  };
}

/** What a comparison will take, in a sentence. */
function costOf({ settings, seeds }: ComparePlan, runs: number): string {
  const { minutes, steps, layers, hidden, vocabSize, ffn, keep } = settings;
  const weights = vocabSize * hidden + layers * (4 * hidden ** 2 + 2 * hidden * (ffn || 4 * hidden));
  const megabytes = Math.ceil((4 * weights * (runs + 3 * keep + 3)) / 2 ** 20);
  const each = minutes ? `${minutes} minutes` : steps ? `${steps} steps` : `${settings.epochs} epochs`;
  const total = minutes ? `, ${train.formatDuration(60 * minutes * runs)} in all` : '';
  return (
    `${runs} runs (${runs / seeds} objectives, ${seeds} seed${seeds > 1 ? 's' : ''}) of ${each}${total}, and the time to evaluate each; ` +
    `about ${megabytes} MB on the disk.`
  );
}

/** results.json, and the page with the curves of the first seed. */
async function report(
  plan: ComparePlan,
  outcomes: readonly Outcome<SetScores>[],
  found: readonly Standing[],
): Promise<void> {
  const { settings, commands } = plan;
  await writeFileAtomic(join(settings.out, 'results.json'), `${JSON.stringify(found, null, 2)}\n`);
  const curves = outcomes
    .filter(({ job, steps }) => job.seed === settings.seed && steps.length > 0)
    .map(({ job, steps, probes }) => ({
      ...{ name: job.label, steps, probes },
      scalars: objectiveNamed(job.entry!.objective).scalars,
    }));
  const several = new Set(found.map(({ set }) => set)).size > 1;
  await train.writeReport(settings.out, {
    title: `Objectives side by side: ${settings.out}`,
    config: {
      ...settings,
      ...{ objectives: plan.objectives, seeds: plan.seeds, eval: plan.eval.join(', ') },
      // Of MLM alone.
      ...{ objective: undefined, encoderMask: undefined },
    },
    ...{ steps: [], probes: [], commands },
    table: found.map((one) => ({
      ...one,
      name: several ? `${one.set}: ${one.system}` : one.system,
    })),
    tableNote: 'Zero-shot. Differences of nDCG@10 are paired by query.',
    figures: [
      ...(curves.length > 0 ? [{ name: 'objectives', svg: await train.lossChart(curves) }] : []),
      ...(curves.some(({ probes }) => probes.length > 1)
        ? [{ name: 'probes', svg: await train.probeChart(curves) }]
        : []),
    ],
  });
}
