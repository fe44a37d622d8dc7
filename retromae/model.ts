// RetroMAE (Xiao et al., 2022, arXiv 2205.12035) and DupMAE (Liu et al., 2023, arXiv 2305.02564), and plain MLM beside them.
//
// encoder: BERT over the masked text; h = last hidden state of [CLS]; L_enc = cross-entropy at the masked positions.
// enhanced decoding (3.3): queries H1 = h + position, context H2 = [h, embeddings of the unmasked text], row i sees what
//   the matrix M lets it see; basic decoding (3.2): [h, embeddings of the text masked again] through ordinary layers.
// L = L_enc + L_dec (+ 0.1 L_bow for DupMAE). Only rows that a loss reads are computed.
import { HostArray, Ids, ops, scope, Sequences, tensor, type Random, type Tensor } from '../core/index.js';
import { BertForMaskedLM, BertLayer, type BertConfig, type Losses, type Needed } from '../nn/index.js';
import { IGNORE, type Batch } from './batch.js';

export type Objective = 'retromae' | 'dupmae' | 'mlm';

export interface RetroMaeOptions {
  objective: Objective;
  decoder: 'enhanced' | 'basic';
  /** Layers of the basic decoder, 1 to 3; the enhanced one has one. */
  decoderLayers: number;
  /** Query stream of enhanced decoding: A = h + position, B = layer norm of h + type 0 + position. */
  query: 'A' | 'B';
  /** Weight of DupMAE's bag-of-words term. */
  bowWeight: number;
  /** Whether the encoder's activations are computed again in the backward pass: less memory, more time, the same bits. */
  recompute: boolean;
}

/** The authors' choices: query A for RetroMAE, B for DupMAE, bag of words weighted 0.1. */
export function retroMaeOptions(given: Partial<RetroMaeOptions> = {}): RetroMaeOptions {
  const objective = given.objective ?? 'retromae';
  const query = objective === 'dupmae' ? 'B' : 'A';
  return { objective, decoder: 'enhanced', decoderLayers: 1, query, bowWeight: 0.1, recompute: false, ...given };
}

/** Rows of the packed batch that carry a label, and these labels. */
function labelled(labels: Int32Array): { rows: Int32Array; labels: Ids } {
  const rows = Int32Array.from(labels.keys()).filter((row) => labels[row] !== IGNORE);
  return { rows, labels: new Ids(rows.map((row) => labels[row])) };
}

/** How many of the given rows (ascending) lie in each sequence. */
function sequencesOf(rows: Int32Array, { count, ofRow }: Sequences): Sequences {
  const lengths = new Int32Array(count);
  for (const row of rows) lengths[ofRow.values[row]]++;
  return Sequences.ofLengths(lengths);
}

const pick = (from: ArrayLike<number>, rows: Int32Array): Ids => new Ids(rows.map((row) => from[row]));

export class RetroMae extends BertForMaskedLM {
  readonly options: RetroMaeOptions;
  /** The decoder's first layer, by the authors' name; thrown away after pre-training. Plain MLM has none. */
  readonly c_head: BertLayer | undefined;
  /** Further layers of the basic decoder. */
  readonly c_head_more: readonly BertLayer[];

  /** @throws if the decoder's options contradict each other */
  constructor(config: BertConfig, random: Random, options: Partial<RetroMaeOptions> = {}) {
    super(config, random, options.recompute);
    this.options = retroMaeOptions(options);
    const { objective, decoder, decoderLayers } = this.options;
    if (!Number.isInteger(decoderLayers) || decoderLayers < 1 || decoderLayers > 3)
      throw new Error(`RetroMAE: ${decoderLayers} decoder layers; 1 to 3 are possible.`);
    if (decoderLayers > 1 && decoder === 'enhanced' && objective !== 'mlm')
      throw new Error('RetroMAE: enhanced decoding has one layer. Use basic decoding for more.');
    if (objective === 'dupmae' && decoder !== 'enhanced')
      throw new Error('DupMAE: its decoder is enhanced, not basic.');
    const layers = objective === 'mlm' ? 0 : decoderLayers;
    this.c_head = layers > 0 ? new BertLayer(config, random) : undefined;
    this.c_head_more = Array.from({ length: Math.max(0, layers - 1) }, () => new BertLayer(config, random));
  }

  /**
   * The losses of a batch: `loss` is what to minimise; `encoder` and `decoder` (and `bow`) are its parts, `accuracy` and
   * `decoderAccuracy` the shares of masked and rebuilt tokens that were predicted right.
   * @param random where dropout's randomness comes from; none: no dropout
   * @throws if the batch lacks what the objective needs
   */
  losses(batch: Batch, random?: Random): Losses {
    const sequences = new Sequences(batch.offsets);
    const dupmae = this.options.objective === 'dupmae';
    const masked = labelled(batch.encoderLabels);
    const { hidden, h, maskedRows } = this.encodeNeeded(batch, sequences, masked.rows, dupmae, random);
    const transformed = this.cls.transform(dupmae ? hidden : hidden.gather(maskedRows));
    const { word_embeddings: table } = this.bert.embeddings;
    const encoder = this.cls.loss(dupmae ? transformed.gather(maskedRows) : transformed, table, masked.labels);
    const parts = { encoder: encoder.loss, accuracy: encoder.accuracy };
    if (!this.c_head) return { loss: encoder.loss, ...parts };
    const decoded = this.options.decoder === 'enhanced' ? this.enhanced : this.basic;
    const { rows, labels } = decoded.call(this, batch, sequences, h, this.c_head, random);
    const decoder = this.cls.loss(this.cls.transform(rows), table, labels);
    const loss = encoder.loss.add(decoder.loss);
    const all = { ...parts, decoder: decoder.loss, decoderAccuracy: decoder.accuracy };
    if (!dupmae) return { loss, ...all };
    const bow = this.bagOfWords(batch, sequences, transformed);
    return { loss: loss.add(bow.mul(this.options.bowWeight)), ...all, bow };
  }

  /** Last hidden states where somebody reads them: [CLS] and masked positions, or everywhere. */
  private encodeNeeded(batch: Batch, sequences: Sequences, masked: Int32Array, all: boolean, random?: Random) {
    const ids = new Ids(batch.encoderIds);
    if (all) {
      const hidden = this.bert.forward(ids, sequences, { random });
      return { hidden, h: hidden.gather(batch.offsets.slice(0, -1)), maskedRows: new Ids(masked) };
    }
    const firsts = new Set(batch.offsets.slice(0, -1));
    const rows = Int32Array.from(new Set([...firsts, ...masked])).sort();
    const needed: Needed = { rows: new Ids(rows), sequences: sequencesOf(rows, sequences) };
    const hidden = this.bert.forward(ids, sequences, { needed, random });
    const at = new Map(Array.from(rows, (row, i) => [row, i]));
    const places = (wanted: Iterable<number>) => new Ids(Array.from(wanted, (row) => at.get(row)!));
    return { hidden, h: hidden.gather(places(firsts)), maskedRows: places(masked) };
  }

  /** The context stream: embeddings of the ids, with h itself (no position, no norm) in the place of [CLS]. */
  private context(ids: Int32Array, sequences: Sequences, h: Tensor, random?: Random): Tensor {
    const embedded = this.bert.embeddings.forward(new Ids(ids), sequences, random);
    const { positions, ofRow, count, rows } = sequences;
    const from = Int32Array.from({ length: rows }, (_, row) =>
      positions.values[row] === 0 ? ofRow.values[row] : count + row,
    );
    return h.concat(embedded).gather(from);
  }

  /** Enhanced decoding: one layer, every labelled row a query with its own visible context. */
  private enhanced(batch: Batch, sequences: Sequences, h: Tensor, layer: BertLayer, random?: Random) {
    if (!batch.enhanced)
      throw new Error('RetroMAE: the batch has no enhanced decoder targets. Collate with decoder: "enhanced".');
    const { labels: all, visible: bits, words } = batch.enhanced;
    const { rows, labels } = labelled(all);
    return scope(() => {
      const sentences = pick(sequences.ofRow.values, rows);
      const positions = pick(sequences.positions.values, rows);
      const { embeddings } = this.bert;
      const { queries, projected } =
        this.options.query === 'A'
          ? this.plainQueries(h, sequences.longest, sentences, positions, layer)
          : { queries: embeddings.place(h, sentences, positions, random), projected: undefined };
      const seen = new Uint16Array(rows.length * words);
      rows.forEach((row, i) => seen.set(bits.subarray(row * words, (row + 1) * words), i * words));
      const pass = {
        queries: sequencesOf(rows, sequences),
        keys: sequences,
        visible: new HostArray(seen, [rows.length, words]),
        random,
        projected,
      };
      return { rows: layer.forward(queries, this.context(batch.ids, sequences, h, random), pass), labels };
    });
  }

  /**
   * Queries h + p, one a row. W (h + p) + b is (W h + b) + W p: the projection is of the sentences and of the positions, which
   * are few, and not of their sums.
   */
  private plainQueries(h: Tensor, longest: number, sentences: Ids, positions: Ids, { attention }: BertLayer) {
    const { query } = attention.self;
    const all = new Ids(Array.from({ length: longest }, (_, position) => position));
    const places = this.bert.embeddings.position_embeddings.forward(all);
    return {
      queries: h.gather(sentences).add(places.gather(positions)),
      projected: query.forward(h).gather(sentences).add(places.linear(query.weight).gather(positions)),
    };
  }

  /** Basic decoding: the text masked again, behind h, through 1 to 3 ordinary layers. */
  private basic(batch: Batch, sequences: Sequences, h: Tensor, first: BertLayer, random?: Random) {
    if (!batch.basic)
      throw new Error('RetroMAE: the batch has no basic decoder targets. Collate with decoder: "basic".');
    const { rows, labels } = labelled(batch.basic.labels);
    const { ids } = batch.basic;
    return scope(() => {
      let x = this.context(ids, sequences, h, random);
      const layers = [first, ...this.c_head_more];
      const last = layers.pop()!;
      for (const layer of layers) x = layer.forward(x, x, { queries: sequences, keys: sequences, random });
      const pass = { queries: sequencesOf(rows, sequences), keys: sequences, random };
      return { rows: last.forward(x.gather(new Ids(rows)), x, pass), labels };
    });
  }

  /**
   * DupMAE's bag-of-words term: mean over sequences of -sum_t w[t] log softmax(max over positions but [CLS] of logits)[t],
   * w[t] = 1 / (content tokens) for each distinct content token.
   */
  private bagOfWords({ ids, offsets }: Batch, sequences: Sequences, transformed: Tensor): Tensor {
    const { vocab_size } = this.config;
    const weights = new Float64Array(sequences.count * vocab_size);
    const totals = new Float64Array(sequences.count);
    for (let b = 0; b < sequences.count; b++) {
      const content = new Set(ids.subarray(offsets[b] + 1, offsets[b + 1] - 1));
      const each = 1 / Math.max(1, offsets[b + 1] - offsets[b] - 2);
      for (const id of content) weights[b * vocab_size + id] = each;
      totals[b] = content.size * each;
    }
    const { backend } = transformed;
    return scope(() => {
      const table = this.bert.embeddings.word_embeddings.weight;
      const head = { x: transformed, table, bias: this.cls.predictions.bias };
      const top = ops.vocabularyMax.apply(head, { sequences, skip: 1 });
      const shifted = top.sub(top.detach().max(-1, true));
      const logSum = shifted
        .exp()
        .sum(-1)
        .log()
        .mul(tensor(totals, [sequences.count], { backend }));
      const own = shifted.mul(tensor(weights, [sequences.count, vocab_size], { backend })).sum(-1);
      return logSum.sub(own).mean();
    });
  }
}
