// What a model's vectors depend on, as one number: two models of the same fingerprint make the same vectors.
import { createHash } from 'node:crypto';
import type { Weights } from './weight-files.js';

/** Takes weights as they are read, in any order and from any number of files, and settings at the end. */
export class Fingerprint {
  private readonly parts = new Map<string, string>();

  readonly add: Weights = (name, values) => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.parts.set(name, createHash('sha256').update(bytes).digest('hex'));
  };

  /** @param settings whatever else changes vectors, as JSON has it */
  of(settings: unknown): string {
    const weights = [...this.parts].sort(([a], [b]) => (a < b ? -1 : 1));
    return `sha256:${createHash('sha256')
      .update(JSON.stringify([weights, settings]))
      .digest('hex')}`;
  }
}
