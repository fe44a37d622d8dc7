// The inverse cloze task (Lee et al., 2019, arXiv 1906.00300, section 5; google-research/language, orqa).
//
// A sentence is taken out of a passage and asks for the rest of it: q its vector, p that of the document's title and the rest.
//   S[i][j] = q_i . p_j;   L = mean over passages i of -log softmax(S[i])[i].
// In one case of ten the sentence stays in the passage as well, so that common words count.
//
// Of a passage of one sentence, one half asks for the other.
import { defineContrastive } from '../contrastive.js';
import { similarityOptions, symmetric } from '../info-nce.js';
import { number, option, type OptionsOf } from '../options.js';
import { cloze } from '../pairs.js';
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

export const ict = defineContrastive<Options, object>({
  name: 'ict',
  title: 'Inverse cloze task',
  summary: 'a sentence finds the passage that it was taken from',
  paper: 'https://arxiv.org/abs/1906.00300',
  options,
  pair: (passage, random, { keepSentence }) => cloze(passage, random, keepSentence),
  among: 'across',
  samples: [
    {},
    { similarity: 'cosine', temperature: 0.3, symmetric: true, keepSentence: 1 },
    { represent: 'dupmae', temperature: 3, symmetric: true },
  ],
});
