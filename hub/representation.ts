// DupMAE's representation in a model folder: `dupmae` in config.json, and dupmae.safetensors beside it.
import { join } from 'node:path';
import { Random } from '../core/index.js';
import { JsonFields } from '../data/index.js';
import { loadWeights, Representation, wordActivations, type BertConfig } from '../nn/index.js';
import { fileNames } from './model-files.js';
import { withSafetensors } from './safetensors.js';
import type { Weights } from './weight-files.js';

const ENTRY = 'dupmae';

/** Of which nothing is kept: a file replaces all weights at once. */
const ANY = new Random(0);

/**
 * Reads the representation that a model was trained for; undefined where config.json has no such entry.
 * @param folder where the encoder is
 * @param json its config.json
 * @param weights what is told of every tensor read
 * @throws naming file and field: settings of another kind, more words than there are, or weights of another shape
 */
export function readRepresentation(
  folder: string,
  json: Readonly<Record<string, unknown>>,
  config: BertConfig,
  weights?: Weights,
): Representation | undefined {
  if (json[ENTRY] === undefined) return undefined;
  const remedy = 'Copy the folder again, or remove the entry, for a model without this representation.';
  const fields = new JsonFields(join(folder, fileNames.config), json, remedy).at(ENTRY, json[ENTRY]);
  const k = fields.integer('k', 1);
  if (k === undefined || k > config.vocab_size) throw fields.refuse('k', `an integer from 1 to ${config.vocab_size}`);
  const activation = fields.oneOf('activation', ...wordActivations);
  const cls_projection = new Representation(config, ANY, { k, activation });
  withSafetensors([join(folder, fileNames.dupmae)], ([file]) =>
    loadWeights({ cls_projection }, file, undefined, weights),
  );
  return cls_projection;
}
