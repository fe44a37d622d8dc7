// Initial weights that a file replaces at once: drawing those of a BERT-base takes longer than reading them.
import { Random } from '../core/index.js';

/** Draws nothing. */
export class Undrawn extends Random {
  override normal(): number {
    return 0;
  }
}
