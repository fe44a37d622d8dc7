// Text to sentences: Unicode text segmentation (UAX 29) through Intl.Segmenter.

/** `Intl.Segmenter` takes time quadratic in the length of its text, so a long text is fed to it in windows. */
const WINDOW = 4096;

/** UAX 29 ends a sentence at `Mr. Smith` and `J. Smith`: a title or a lone initial before a capital goes on. */
const ABBREVIATION =
  /(?:^|[\s("“‘])(?:Mr|Mrs|Ms|Messrs|Dr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Sen|Rep|Gov|St|vs|[A-Z]|(?:[A-Z]\.)+[A-Z])\.\s+$/;

const segmenters = new Map<string, Intl.Segmenter>();

/**
 * The sentences of a text, trimmed, without empty ones. Line breaks end sentences (UAX 29). Abbreviations are known
 * for English only, and only titles and initials.
 * @param locale a BCP 47 tag, such as 'en' or 'zh'.
 */
export function splitSentences(text: string, locale = 'en'): string[] {
  let segmenter = segmenters.get(locale);
  if (segmenter === undefined)
    segmenters.set(locale, (segmenter = new Intl.Segmenter(locale, { granularity: 'sentence' })));
  const english = /^en\b/.test(locale);
  const sentences: string[] = [];
  let open = '';
  for (const segment of segments(text, segmenter)) {
    open += segment;
    if (english && ABBREVIATION.test(segment) && !segment.endsWith('\n')) continue;
    const sentence = open.trim();
    if (sentence !== '') sentences.push(sentence);
    open = '';
  }
  if (open.trim() !== '') sentences.push(open.trim());
  return sentences;
}

function* segments(text: string, segmenter: Intl.Segmenter): Generator<string> {
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
