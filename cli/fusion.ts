// The flags that fuse BM25 with vectors, for the commands that retrieve.
import { loadOtherSplit, type RetrievalSet } from '../data/index.js';
import { BM25_WEIGHT, fusionMethods, type FusionMethod, type FusionOptions } from '../retrieval/index.js';
import { rules } from '../retromae/index.js';
import { say } from './common.js';
import { UsageError, type Flags, type Values } from './flags.js';

export const fuseFlags = {
  fuse: {
    type: 'string',
    choices: fusionMethods,
    help: 'fuse BM25 with the vectors: by ranks (rrf), or by scores (weighted)',
  },
  'fuse-weight': {
    type: 'number',
    rule: rules.number('a number from 0 to 1', (value) => value >= 0 && value <= 1),
    preset: BM25_WEIGHT,
    help: 'with --fuse weighted: the share of BM25, of 1; the vectors have the rest',
  },
} as const satisfies Flags;

/** How to fuse, where that is asked for. @throws UsageError if there is a weight but nothing to weigh */
export function fusionOf({ fuse, 'fuse-weight': weight }: Values<typeof fuseFlags>): FusionOptions | undefined {
  if (weight !== undefined && fuse !== 'weighted')
    throw new UsageError(
      `--fuse-weight is ${weight}, but there is nothing to weigh. Give --fuse weighted, or leave it out.`,
    );
  if (fuse === undefined) return undefined;
  return { method: fuse as FusionMethod, ...(fuse === 'weighted' && { weight: weight ?? BM25_WEIGHT }) };
}

/** The split on which a weight shall be learnt. @throws UsageError if it has queries of those that are reported */
export async function learningSplit(folder: string, split: string, reported: RetrievalSet): Promise<RetrievalSet> {
  const set = await loadOtherSplit(folder, split, reported);
  const both = set.queries.filter(({ id }) => reported.qrels.has(id));
  if (both.length > 0)
    throw new UsageError(
      `--learn-fuse-on is ${split}, of whose queries ${both.length} are reported too (the first is "${both[0].id}"). A weight must be learnt on other queries: name another split, or give --fuse-weight.`,
    );
  set.warnings.forEach(say);
  return set;
}
