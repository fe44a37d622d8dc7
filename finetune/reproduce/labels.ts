// What a table's fine-tuning on labelled examples needs: hard negatives of BM25 or of a model, and a cross-encoder's scores.
import { documentText, trainingExamples, writeFileAtomic, type RetrievalSet } from '../../data/index.js';
import { loadCross } from '../../hub/index.js';
import {
  Bm25,
  bm25Ranking,
  CrossScorer,
  encoderRankings,
  indexTexts,
  NegativeMiner,
  type Encoder,
  type Ranking,
} from '../../retrieval/index.js';
import { askedOf, minedLine, taughtLine } from '../example-lines.js';

/** Ranks from which negatives are drawn: the authors take the first 200. */
const DEPTH = 200;
/** Queries that are ranked together. */
const GROUP = 256;

/** How queries are ranked, in their order. */
export type Ranker = (queries: readonly string[]) => Promise<Ranking[]>;

export interface Mining {
  readonly negatives: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
}

const textsOf = ({ corpus }: RetrievalSet) => corpus.map((one) => ({ id: one.id, text: documentText(one) }));

export function bm25Ranker(set: RetrievalSet): Ranker {
  const bm25 = new Bm25(textsOf(set));
  return async (queries) => queries.map((query) => bm25Ranking(bm25, query, DEPTH));
}

export async function encoderRanker(
  encoder: Encoder,
  set: RetrievalSet,
  { signal }: { signal?: AbortSignal },
): Promise<Ranker> {
  const texts = textsOf(set);
  const onProgress = () => signal?.throwIfAborted();
  const [ids, documents] = [texts.map(({ id }) => id), texts.map(({ text }) => text)];
  const index = await indexTexts(encoder, ids, documents, { similarity: 'cosine', onProgress });
  return (queries) => encoderRankings(encoder, index, queries, { depth: DEPTH });
}

/** Writes the judged queries of a set with hard negatives. @throws if no query has a relevant document, or as `NegativeMiner` */
export async function mine(
  file: string,
  set: RetrievalSet,
  rank: Ranker,
  { signal, ...options }: Mining,
): Promise<void> {
  const miner = new NegativeMiner(textsOf(set), { ...options, to: DEPTH });
  const asked = askedOf(set, miner).asked.filter(({ positives }) => positives.length > 0);
  if (asked.length === 0) throw new Error(`${set.name}: no query of the training split has a relevant document.`);
  async function* lines(): AsyncGenerator<Uint8Array> {
    for (let begin = 0; begin < asked.length; begin += GROUP) {
      signal?.throwIfAborted();
      const group = asked.slice(begin, begin + GROUP);
      const rankings = await rank(group.map(({ text }) => text));
      const mined = group.map((query, i) => minedLine(query, miner.mine({ ...query, rankings: [rankings[i]] }), miner));
      yield Buffer.from(mined.join(''));
    }
  }
  await writeFileAtomic(file, lines());
}

/** Writes examples with the scores of the cross-encoder in a folder. */
export async function teach(file: string, examples: string, teacher: string, signal?: AbortSignal): Promise<void> {
  const { model, tokenizer, maxLength } = await loadCross(teacher);
  const scorer = new CrossScorer(model, tokenizer, { maxLength });
  async function* lines(): AsyncGenerator<Uint8Array> {
    for await (const example of trainingExamples(examples)) {
      signal?.throwIfAborted();
      const { query, positives, negatives } = example;
      yield Buffer.from(taughtLine(example, await scorer.scores(query, [...positives, ...negatives])));
    }
  }
  await writeFileAtomic(file, lines());
}
