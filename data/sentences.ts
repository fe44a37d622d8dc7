// Text to sentences, by three rules for three purposes. After Unicode text segmentation (UAX 29), through Intl.Segmenter.

/** `Intl.Segmenter` takes time quadratic in the length of its text, so a long text is fed to it in windows. */
const WINDOW = 4096;

/** UAX 29 ends a sentence at `Mr. Smith` and `J. Smith`: a title or a lone initial before a capital goes on. */
const ABBREVIATION =
  /(?:^|[\s("“‘])(?:Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Sen|Rep|Gov|St|vs|[A-Z]|(?:[A-Z]\.)+[A-Z])\.\s+$/;

const SENTENCE_END = /[.?!]["'”’)\]]*\s+(?=["'“‘([]?[A-Z0-9])/g;

/**
 * The sentences of a text, trimmed, without empty ones: what training packs into blocks. Line breaks end sentences
 * (UAX 29). Abbreviations are known for English only, and only titles and initials.
 * @param locale a BCP 47 tag, such as 'en' or 'zh'.
 */
export function splitSentences(text: string, locale = 'en'): string[] {
  const english = /^en\b/.test(locale);
  const sentences: string[] = [];
  let open = '';
  for (const segment of sentenceSegments(text, locale)) {
    open += segment;
    if (english && ABBREVIATION.test(segment) && !segment.endsWith('\n')) continue;
    const sentence = open.trim();
    if (sentence !== '') sentences.push(sentence);
    open = '';
  }
  if (open.trim() !== '') sentences.push(open.trim());
  return sentences;
}

/** The sentences of UAX 29 as they stand, which end to end are the text: for whoever takes one out and keeps the rest. */
export function* sentenceSegments(text: string, locale = 'en'): Generator<string> {
  const segmenter = segmenterOf(locale, 'sentence');
  let width = WINDOW;
  for (let start = 0; start < text.length;) {
    const window = text.slice(start, start + width);
    const found = Array.from(segmenter.segment(window), ({ segment }) => segment);
    if (start + width < text.length) {
      // The window may have cut the last sentence short: it begins the next window, or, if it is alone, gets a wider one.
      found.pop();
      if (found.length === 0) {
        width *= 2;
        continue;
      }
    }
    for (const segment of found) {
      yield segment;
      start += segment.length;
    }
    width = WINDOW;
  }
}

/**
 * Whole sentences, as many as fit into `limit` characters with the blank behind them, at least one. A stop before a
 * capital or a digit is taken for the end of one: coarser than `splitSentences`, and right often enough for a cut every
 * few sentences.
 */
export function passages(text: string, limit: number): string[] {
  const found: string[] = [];
  let start = 0;
  let end = 0;
  const ends = Array.from(text.matchAll(SENTENCE_END), (match) => match.index + match[0].length);
  for (const next of [...ends, text.length]) {
    if (next - start > limit && end > start) {
      found.push(text.slice(start, end).trim());
      start = end;
    }
    end = next;
  }
  found.push(text.slice(start).trim());
  return found.filter((passage) => passage !== '');
}

/** How many words a text has by UAX 29; marks and blanks are none. */
export function wordCount(text: string, locale = 'en'): number {
  let count = 0;
  for (const { isWordLike } of segmenterOf(locale, 'word').segment(text)) if (isWordLike) count++;
  return count;
}

const segmenters = new Map<string, Intl.Segmenter>();

/** Making a segmenter takes longer than most texts do. */
function segmenterOf(locale: string, granularity: 'sentence' | 'word'): Intl.Segmenter {
  const key = `${granularity} ${locale}`;
  let segmenter = segmenters.get(key);
  if (segmenter === undefined) segmenters.set(key, (segmenter = new Intl.Segmenter(locale, { granularity })));
  return segmenter;
}
