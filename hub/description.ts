// How a folder's texts become vectors, said in a sentence: every command tells it where it is not what one would assume.
import type { PoolingMode, Representation } from '../nn/index.js';
import type { VectorSettings } from './sentence-settings.js';
import type { VectorRecipe } from './vectors.js';

/** What each pooling takes. */
export const POOLS: Readonly<Record<PoolingMode, string>> = {
  cls: 'the state of [CLS]',
  max: 'the largest value of all tokens',
  mean: 'the mean of all tokens',
  mean_sqrt_len_tokens: 'the sum of all tokens over the root of their number',
  weightedmean: 'the mean of all tokens weighted by their place',
  lasttoken: 'the state of the last token',
};

export const COMPARED = {
  cosine: 'cosine',
  dot: 'dot product',
  euclidean: 'Euclidean distance',
  manhattan: 'Manhattan distance',
} as const;

/** The sentence; undefined where vectors are the state of [CLS], at most scaled to length 1, and the cosine compares them. */
export function description(
  { pooling, includePrompt, steps, wordWeights }: VectorRecipe,
  does: readonly string[],
  { prompts, similarity }: Pick<VectorSettings, 'prompts' | 'similarity'>,
): string | undefined {
  const hasPrompt = isPrompted(prompts);
  const isScaled = does.length === steps.length && does.every((each) => each === UNIT);
  if (pooling.join() === 'cls' && isScaled && !hasPrompt && ['cosine', 'dot'].includes(similarity)) return undefined;
  const weighed = wordWeights ? `${poolsOf({ pooling })}, each weighted by its word` : poolsOf({ pooling });
  const taken = [weighed, ...does].join(', then ');
  const asked = askedWith(prompts);
  const parts = [
    `The model pools: ${taken}`,
    ...(hasPrompt ? [includePrompt ? asked : `${asked}, which are not pooled`] : []),
    `vectors are compared by ${COMPARED[similarity]}.`,
  ];
  return parts.join('; ');
}

/** The sentence for DupMAE's representation. */
export function dupmaeDescription(
  { dense, k, words }: Representation,
  { prompts }: Pick<VectorSettings, 'prompts'>,
): string {
  const parts = [
    `The representation is DupMAE's: ${dense} numbers and, of a document, the ${k} heaviest of ${words} words`,
    ...(isPrompted(prompts) ? [askedWith(prompts)] : []),
    'compared by dot product.',
  ];
  return parts.join('; ');
}

/** What several poolings take. */
export const poolsOf = ({ pooling }: Pick<VectorRecipe, 'pooling'>): string =>
  pooling.map((mode) => POOLS[mode]).join(' beside ');

const isPrompted = ({ query, document: other }: VectorSettings['prompts']): boolean => query !== '' || other !== '';

const askedWith = (prompts: VectorSettings['prompts']): string =>
  `queries begin with ${JSON.stringify(prompts.query)}, documents with ${JSON.stringify(prompts.document)}`;

/** What Normalize does. */
export const UNIT = 'scaled to length 1';
