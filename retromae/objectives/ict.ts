// The inverse cloze task (Lee et al., 2019, arXiv 1906.00300, section 5; google-research/language, orqa).
//
// A sentence is taken out of a passage and asks for the rest of it: q its vector, p that of the document's title and the rest.
//   S[i][j] = q_i . p_j;   L = mean over passages i of -log softmax(S[i])[i].
// In one case of ten the sentence stays in the passage as well, so that common words count.
//
// Of a passage of one sentence, one half asks for the other.
import type { Random } from '../../core/index.js';
import { defineContrastive } from '../contrastive.js';
import type { Passage } from '../example.js';
import { similarityOptions, symmetric } from '../info-nce.js';
import { number, option, type OptionsOf } from '../options.js';
import { halves, slice, titled, without, type Pair } from '../pairs.js';
import { representOptions } from '../representing.js';

const chance = number('a number from 0 to 1', (value) => value >= 0 && value <= 1);

const options = {
  similarity: { ...similarityOptions.similarity, preset: 'dot' as const },
  temperature: { ...similarityOptions.temperature, preset: 1 },
  symmetric,
  ...representOptions,
  keepSentence: option(0.1, chance, 'share of the sentences that stay in their passages too'),
};

type Options = OptionsOf<typeof options>;

/** A random sentence of a passage, and the passage without it. */
function cloze(passage: Passage, random: Random, { keepSentence }: Options): Pair {
  const starts = Array.from(passage.sentences);
  if (starts.length < 2) {
    const [first, second] = halves(passage);
    return random.below(2) === 0 ? [first, titled(second)] : [second, titled(first)];
  }
  const chosen = random.below(starts.length);
  const [from, to] = [starts[chosen], starts[chosen + 1] ?? passage.ids.length];
  const rest = random.uniform() < keepSentence ? passage : without(passage, from, to);
  return [slice(passage, from, to), titled(rest)];
}

export const ict = defineContrastive<Options, object>({
  name: 'ict',
  title: 'Inverse cloze task',
  summary: 'a sentence finds the passage that it was taken from',
  paper: 'https://arxiv.org/abs/1906.00300',
  options,
  pair: cloze,
  among: 'across',
  samples: [
    {},
    { similarity: 'cosine', temperature: 0.3, symmetric: true, keepSentence: 1 },
    { represent: 'dupmae', temperature: 3, symmetric: true },
  ],
});
