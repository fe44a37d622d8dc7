// Files of training examples as they are made: line by line, whole or broken off by a signal.
import { trainingExamples } from '../data/index.js';
import {
  Bm25,
  bm25Ranking,
  encoderRankings,
  indexTexts,
  type CrossScorer,
  type Encoder,
  type IndexingOptions,
  type MinedNegatives,
  type NegativeMiner,
  type Ranking,
} from '../retrieval/index.js';
import { minedLine, taughtLine, type Asked } from './example-lines.js';

/** Queries that are ranked together; more would hold more rankings in memory. */
const GROUP = 256;

/** Rankings of queries, in their order. */
export type Ranker = (queries: readonly Asked[]) => Promise<Ranking[]>;

interface Texts {
  readonly texts: readonly { readonly id: string; readonly text: string }[];
  readonly miner: Pick<NegativeMiner, 'depth'>;
}

export function bm25Ranker({ texts, miner: { depth } }: Texts): Ranker {
  const bm25 = new Bm25(texts);
  return async (queries) => queries.map(({ text }) => bm25Ranking(bm25, text, depth));
}

/** Encodes the texts. */
export async function encoderRanker(
  encoder: Encoder,
  { texts, miner: { depth } }: Texts,
  options: IndexingOptions,
): Promise<Ranker> {
  const [ids, documents] = [texts.map(({ id }) => id), texts.map(({ text }) => text)];
  const index = await indexTexts(encoder, ids, documents, options);
  return async (queries) => {
    const asked = queries.map(({ text }) => text);
    return encoderRankings(encoder, index, asked, { depth });
  };
}

export interface LineHooks {
  readonly signal?: AbortSignal;
  /** Hears of queries, or of examples. */
  onProgress?(done: number): void;
}

/**
 * The lines of mined negatives, as many at once as queries are ranked together. A query without any negative has none.
 * @param rankers the first one's scores are those that count
 * @throws the signal's reason if it is aborted; or if no query has a negative, naming `name`
 */
export async function* minedLines(
  { name, asked, miner }: { readonly name: string; readonly asked: readonly Asked[]; readonly miner: NegativeMiner },
  rankers: readonly Ranker[],
  { signal, onProgress, onMined }: LineHooks & { onMined?(mined: MinedNegatives): void } = {},
): AsyncGenerator<Uint8Array> {
  let isEmpty = true;
  for (let begin = 0; begin < asked.length; begin += GROUP) {
    signal?.throwIfAborted();
    const group = asked.slice(begin, begin + GROUP);
    const found: Ranking[][] = [];
    for (const rank of rankers) found.push(await rank(group));
    let text = '';
    group.forEach((query, i) => {
      const mined = miner.mine({ ...query, rankings: found.map((rankings) => rankings[i]) });
      onMined?.(mined);
      if (mined.negatives.length > 0) text += minedLine(query, mined, miner);
    });
    isEmpty &&= text === '';
    yield Buffer.from(text);
    onProgress?.(begin + group.length);
  }
  if (isEmpty)
    throw new Error(
      `${name}: no query has a negative in the corpus, expected some documents that are no positives; give a larger corpus, or other ranks or margin.`,
    );
}

/** The lines of examples with the scores of a cross-encoder. @throws the signal's reason if it is aborted, or as `trainingExamples` */
export async function* taughtLines(
  examples: string,
  scorer: CrossScorer,
  { signal, onProgress }: LineHooks = {},
): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const example of trainingExamples(examples)) {
    signal?.throwIfAborted();
    const { query, positives, negatives } = example;
    yield Buffer.from(taughtLine(example, await scorer.scores(query, [...positives, ...negatives])));
    onProgress?.(++count);
  }
}
