// Hard negatives that are mined anew as a model learns, by its own ranking. After ANCE (Xiong et al., 2021, arXiv 2007.00808).
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { TextModel } from '../nn/index.js';
import { encoderRankings, indexTexts, ModelEncoder, NegativeMiner, parseRanks } from '../retrieval/index.js';
import { formatCount, formatQuantity, type Observer, type Refresh } from '../train/index.js';
import type { ExampleFile } from './example-file.js';
import { vectorSteps } from './models.js';
import { NegativesFolder, readNegatives } from './negatives-file.js';
import { MINE_RANKS, type FinetuneSettings } from './settings.js';

/** Queries that are ranked together; more would hold more rankings in memory. */
const TOGETHER = 256;

/** What was mined at a step. */
export interface MinedRecord {
  /** Steps done. */
  readonly step: number;
  readonly queries: number;
  /** Passages that were ranked for each. */
  readonly passages: number;
  /** Of all queries. */
  readonly negatives: number;
  /** How many of these are any passages, as the ranks had too few. */
  readonly filled: number;
  /** Queries for which one of their passages ranks first. */
  readonly found: number;
  readonly seconds: number;
}

export interface MiningHooks extends Observer {
  mined?(record: MinedRecord): void;
}

type MiningSettings = Pick<
  FinetuneSettings,
  'out' | 'keep' | 'seed' | 'seq' | 'queryLength' | 'similarity' | 'batch' | 'accumulate' | 'negatives'
> &
  Pick<FinetuneSettings, 'mineEvery' | 'mineRanks'>;

/**
 * Mines among the passages of a file of examples. Nothing of it is drawn from the run's own random numbers: what a query
 * gets depends on the weights, on the run's seed, the step and the query.
 */
export class Mining implements Refresh {
  readonly every: number;
  private readonly folder: NegativesFolder;
  private readonly encoder: ModelEncoder;
  private readonly passages: readonly string[];
  private readonly miner: NegativeMiner;
  /** The first step of the stretch that batches are now made for. */
  private begin: number | undefined;

  /** @throws if the ranks begin beyond the last passage, or there is no passage but those that answer */
  constructor(
    model: TextModel,
    private readonly file: ExampleFile,
    private readonly settings: MiningSettings,
    private readonly hooks: MiningHooks,
  ) {
    const { out, keep, seed, seq, queryLength, batch, accumulate, negatives, mineRanks = MINE_RANKS } = settings;
    const { cls, sep } = file.texts.tokenizer;
    // Texts are tokens already, and go by their numbers.
    const tokenizer = { cls, sep, encode: (text: string) => file.idsOf(Number(text)) };
    const maxLength = Math.max(seq, queryLength);
    this.encoder = new ModelEncoder(model, tokenizer, { maxLength, steps: vectorSteps(settings) });
    this.every = settings.mineEvery ?? Math.ceil(file.length / (batch * accumulate));
    this.folder = new NegativesFolder(join(out, 'negatives'), Math.max(2, keep));
    const documents = file.passages.map((text) => ({ id: String(text), text: this.textOf(text) }));
    const ranks = parseRanks(mineRanks);
    if (ranks.from > documents.length)
      throw new Error(
        `--mine-ranks is ${JSON.stringify(mineRanks)}, but there are ${formatCount(documents.length)} passages to rank. Begin with a better rank, or give more passages.`,
      );
    if (!hasNegatives(file))
      throw new Error(
        `--method ance: every one of ${formatCount(documents.length)} passages answers every query, expected some that do not. Give more with --mine-corpus.`,
      );
    // An example that comes several times in a stretch meets others each time, as long as the ranks have some.
    const passes = Math.ceil((this.every * batch * accumulate) / file.length);
    const pool = Math.max(negatives, Math.min(passes * negatives, ranks.to - ranks.from + 1));
    this.passages = documents.map(({ id }) => id);
    this.miner = new NegativeMiner(documents, { ...ranks, negatives: pool, seed });
    hooks.message?.(
      `Negatives are mined among ${formatCount(documents.length)} passages, at ranks ${mineRanks}, every ${formatCount(this.every)} steps.`,
    );
  }

  /** The file that batches are made with. */
  get path(): string | undefined {
    return this.begin === undefined ? undefined : this.folder.pathOf(this.begin);
  }

  async at(step: number): Promise<void> {
    const { folder, file, every } = this;
    const begin = step - (step % every);
    await folder.forgetAfter(begin);
    if (!(await folder.has(begin))) {
      if (begin < step)
        throw new Error(
          `${folder.pathOf(begin)}: is not there, but the steps from ${begin} to ${begin + every} learn from it. Copy it back, or begin another run in a new folder.`,
        );
      await this.mine(step);
    }
    file.mined = await readNegatives(folder.pathOf(begin), file);
    this.begin = begin;
  }

  /** To the miner texts are the same that say nearly the same. */
  private textOf(text: number): string {
    return String(this.file.keyOf(text));
  }

  private async mine(step: number): Promise<void> {
    const { encoder, miner, passages, settings, file, hooks } = this;
    const { similarity, negatives: least } = settings;
    const started = performance.now();
    const onProgress = () => hooks.signal?.throwIfAborted();
    const index = await indexTexts(encoder, passages, passages, { similarity, onProgress });
    const queries = [...file.queries];
    const drawn = new Map<number, Int32Array>();
    const counts = { negatives: 0, filled: 0, found: 0 };
    for (let from = 0; from < queries.length; from += TOGETHER) {
      await setImmediate();
      onProgress();
      const group = queries.slice(from, from + TOGETHER);
      const names = group.map(([query]) => String(query));
      const rankings = await encoderRankings(encoder, index, names, { depth: miner.depth });
      group.forEach(([query, answers], i) => {
        const positives = [...answers].map(String);
        // The name is what the query's draws depend on.
        const asked = { id: `${step} ${query}`, text: this.textOf(query), positives, rankings: [rankings[i]] };
        const { negatives, filled } = miner.mine(asked);
        // Any passages fill up what a batch takes, but not what is more than that.
        const taken = negatives.slice(0, Math.max(least, negatives.length - filled));
        drawn.set(
          query,
          Int32Array.from(taken, ({ id }) => Number(id)),
        );
        counts.negatives += taken.length;
        counts.filled += taken.length - Math.min(taken.length, negatives.length - filled);
        counts.found += Number(positives.includes(rankings[i].hits[0].id));
      });
    }
    await this.folder.write(step, drawn);
    const seconds = (performance.now() - started) / 1000;
    this.report({ step, queries: queries.length, passages: passages.length, ...counts, seconds });
  }

  private report(record: MinedRecord): void {
    const { queries, negatives, filled, found, seconds, step } = record;
    this.hooks.mined?.(record);
    const any = filled === 0 ? '' : `, ${formatCount(filled)} of them any passages`;
    this.hooks.message?.(
      `Mined ${formatCount(negatives)} negatives at step ${formatCount(step)} in ${formatQuantity(seconds)} s${any}; the passage is found first by ${formatCount(found)} of ${formatCount(queries)} queries.`,
    );
  }
}

/** Whether there is a query for which not all passages are answers. */
function hasNegatives(file: ExampleFile): boolean {
  const keys = new Set(file.passages.map((text) => file.keyOf(text)));
  return [...file.queries].some(([query, answers]) => {
    const own = new Set(Array.from([query, ...answers], (text) => file.keyOf(text)));
    return [...keys].some((key) => !own.has(key));
  });
}
