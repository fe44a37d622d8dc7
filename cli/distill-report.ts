// What a distilled encoder is worth beside its teacher: how fast it is, and how well it retrieves.
import type { RetrievalSet } from '../data/index.js';
import type { Similarity } from '../nn/index.js';
import { compareRuns, evaluateEncoder, type Encoder, type Evaluation } from '../retrieval/index.js';
import { formatQuantity, formatShare, Ticker } from '../train/index.js';
import { say } from './common.js';
import { metricTable, shown, signed } from './table.js';

/** An encoder by the folder that has it. */
interface Named {
  readonly name: string;
  readonly encoder: Encoder;
  readonly similarity: Similarity;
}

/** How many tokens a second, tokenisation included, both encode; [CLS] and [SEP] count. */
export async function speedsOf(teacher: Named, student: Named, texts: readonly string[]) {
  const speeds = { teacher: await speedOf(teacher.encoder, texts), student: await speedOf(student.encoder, texts) };
  const times = formatQuantity(speeds.student / speeds.teacher);
  say(
    `It encodes ${formatQuantity(speeds.student)} tokens a second, its teacher ${formatQuantity(speeds.teacher)}: ${times} times as many.`,
  );
  return speeds;
}

/** Seconds that a measurement takes at least. */
const LONG_ENOUGH = 0.5;

/** Twice as many texts each time, those before to warm up: a teacher takes seconds for what its student does in a blink. */
async function speedOf(encoder: Encoder, texts: readonly string[]): Promise<number> {
  for (let count = 4; ; count *= 2) {
    const some = Array.from({ length: count }, (_, i) => texts[i % texts.length]);
    let tokens = 0;
    const begun = performance.now();
    await encoder.encode(some, { onProgress: (_, done) => (tokens = done) });
    const seconds = (performance.now() - begun) / 1000;
    if (seconds > LONG_ENOUGH) return tokens / seconds;
  }
}

/** Both on a retrieval set, as a table and for JSON: nDCG@10 with its interval, the paired difference, the share kept. */
export async function evaluateBoth(teacher: Named, student: Named, set: RetrievalSet) {
  const [before, after] = [await evaluationOf(teacher, set), await evaluationOf(student, set)];
  const metric = 'ndcg@10';
  const share = after.mean[metric] / before.mean[metric];
  const both = [
    { name: teacher.name, evaluation: before },
    { name: student.name, evaluation: after },
  ];
  const { head, rows } = metricTable(both, [metric]);
  const difference = await compareRuns(after, before, metric);
  const lines = [
    ...[head, ...(await rows(both))].map((line) => line.trimEnd()),
    `${before.mean.queries} queries of ${set.name}; in brackets 95 % bootstrap intervals.`,
    `Kept: ${formatShare(share)}. The difference, paired: ${shown(difference, signed)}.`,
  ];
  const json = { evaluation: { teacher: before.mean, student: after.mean, difference } };
  return { table: `${lines.join('\n')}\n`, json };
}

async function evaluationOf({ encoder, similarity }: Named, set: RetrievalSet): Promise<Evaluation> {
  const ticker = new Ticker(process.stderr, { what: 'texts', total: set.corpus.length });
  const onProgress = (done: number): void => ticker.update(done);
  const evaluation = await evaluateEncoder(encoder, set, { similarity, onProgress });
  ticker.done();
  return evaluation;
}
