// What the conductor and the contenders say to each other, one line of JSON each; bench/peers/README.md explains it.
import type { ObjectiveName } from '../retromae/index.js';

/** A training step of an objective, or encoding the same texts. */
export type Work = ObjectiveName | 'encode';

/** The first line to a contender. */
export interface Job {
  objective: Work;
  /** Which of its ways to do it; for ours, the backend. */
  variant: string;
  threads: number;
  /** Hugging Face's config.json of a BERT. */
  config: Record<string, unknown>;
  /** Path of a JSON file: an array of `PackedBatch`. */
  batches: string;
  /** Path of a safetensors file to start from; without it, weights are drawn. */
  weights?: string;
}

/** A batch in the file: sequences end to end, sequence b being rows offsets[b] .. offsets[b + 1] - 1 of all else. */
export interface PackedBatch {
  offsets: number[];
  /** The text as it is. */
  ids: number[];
  /** The text masked for the encoder. */
  encoderIds: number[];
  /** The original id where the encoder's mask fell, else -100. */
  encoderLabels: number[];
  /** Only for `retromae`: the id of every token but [CLS] and [SEP], where it is -100. */
  decoderLabels?: number[];
  /** Bit (j & 15) of visible[row * words + (j >> 4)]: whether the row may see position j of its sequence. */
  visible?: number[];
  words?: number;
}

/** The answer to the job. */
export interface Ready {
  ready: true;
  name: string;
  version: string;
  threads: number;
}

/** The answer to `{"step": n}`. */
export interface Answer {
  /** What the step took, the loss as a number included, the reading of lines and batches not. */
  ms: number;
  loss: number;
  /** Most bytes of the process that were ever resident. */
  rss: number;
  /** Of ours only: what was launched. */
  kernels?: Launches[];
}

/** All launches of one kernel in a step. */
export interface Launches {
  name: string;
  calls: number;
  ms: number;
  /** Useful floating-point operations. */
  flops: number;
  /** Of inputs and outputs. */
  bytes: number;
}
