// What a cross-encoder is trained by: of a query's passages, the positive shall score highest (RetroMAE's authors' reranker).
//
// L = mean over queries of -log softmax(scores of its G passages)[0].
import type { Random } from '../core/index.js';
import type { CrossEncoder, Losses } from '../nn/index.js';
import { infoNce } from '../retromae/index.js';
import type { GroupBatch } from './groups.js';

/** @throws if query and passage of the batch are not one text */
export function crossLosses(model: CrossEncoder, { ids, offsets, types, group }: GroupBatch, random?: Random): Losses {
  if (!types) throw new Error('cross-encoder: the batch has queries apart from passages. Make it of joined groups.');
  const [size] = group;
  const queries = (offsets.length - 1) / size;
  const scores = model.scores({ ids, offsets, types }, random).reshape([queries, size]);
  const { loss, accuracy } = infoNce(scores, new Int32Array(queries));
  return { loss, contrast: loss, retrieved: accuracy };
}
