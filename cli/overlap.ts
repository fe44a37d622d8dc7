// `--overlap SPLIT`: queries that ask for documents of another split are reported apart, since what learnt from it has met them.
import { loadQrels, type RetrievalSet } from '../data/index.js';
import { partOf, sharingQueries, type Evaluation } from '../retrieval/index.js';

export const overlapFlag = {
  overlap: {
    type: 'string',
    value: 'SPLIT',
    help: 'report apart the queries that share a relevant document with these judgements of --data',
  },
} as const;

/** Queries of which a relevant document is relevant to a query of another split too. */
export interface Overlap {
  readonly split: string;
  readonly sharing: ReadonlySet<string>;
}

/** @throws as `loadQrels` */
export const overlapOf = async (folder: string, split: string, { qrels }: RetrievalSet): Promise<Overlap> => ({
  split,
  sharing: sharingQueries(qrels, await loadQrels(folder, split)),
});

/** Systems on some of the queries; none where there are no such queries. */
interface Part<S> {
  readonly count: number;
  readonly systems: readonly S[];
}

export interface Parts<S> {
  readonly split: string;
  readonly sharing: Part<S>;
  readonly others: Part<S>;
}

/** The systems on the queries that share documents with the split, and on the others. */
export function partsOf<S extends { readonly evaluation: Evaluation }>(
  { split, sharing }: Overlap,
  systems: readonly S[],
): Parts<S> {
  const part = (isSharing: boolean): Part<S> => {
    const asked = [...systems[0].evaluation.perQuery.keys()];
    const queries = new Set(asked.filter((query) => sharing.has(query) === isSharing));
    const own = queries.size > 0 ? systems : [];
    return {
      count: queries.size,
      systems: own.map((system) => ({ ...system, evaluation: partOf(system.evaluation, queries) })),
    };
  };
  return { split, sharing: part(true), others: part(false) };
}

/** They as lines below a table, with the rows that `rows` makes of systems. */
export async function partLines<S>(
  { split, sharing, others }: Parts<S>,
  rows: (systems: readonly S[]) => Promise<readonly string[]>,
): Promise<string[]> {
  const queries = sharing.count + others.count;
  return [
    ...['', `${sharing.count} of the ${queries} queries share a relevant document with ${split}:`],
    ...[...(await rows(sharing.systems)), `${others.count} do not:`],
    ...(await rows(others.systems)),
  ];
}

/** They for JSON: means by the systems' names there. */
export function partsJson<S extends { readonly key: string; readonly evaluation: Evaluation }>({
  split,
  sharing,
  others,
}: Parts<S>): object {
  const means = ({ count, systems }: Part<S>) => ({
    queries: count,
    ...Object.fromEntries(systems.map(({ key, evaluation }) => [key, evaluation.mean])),
  });
  return { split, sharing: means(sharing), others: means(others) };
}
