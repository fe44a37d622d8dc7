// Tokens found in text as they are written, before it is cut into words: Hugging Face's `AddedVocabulary`, rule by rule.

/** A token found in the text as a whole, whatever the vocabulary would make of its words. */
export interface AddedToken {
  id: number;
  content: string;
  /** Special tokens are left out by `decode(ids, { skipSpecial: true })` and never masked. */
  special: boolean;
  /** Look for the normalised content in the normalised text, not for the content in the raw text. Default false. */
  normalized?: boolean;
  /** Only where no letter, digit, mark or `_` stands beside it. Default false. */
  singleWord?: boolean;
  /** Take the white space to the left with it. Default false. */
  lstrip?: boolean;
  /** Take the white space to the right with it. Default false. */
  rstrip?: boolean;
}

/** Rust's `\w`. */
const WORD = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;
const WORD_BEFORE = new RegExp(`${WORD}$`, 'u');
const WORD_AFTER = new RegExp(`^${WORD}`, 'u');
/** Rust's `\s`: White_Space, where JavaScript's has U+FEFF too, and U+0085 not. */
const SPACE = /\p{White_Space}/u;

/** UTF-16 units of the longest token: a regular expression takes some ten times as many. */
const LONGEST = 10_000;

/** Finds tokens in a text: the leftmost first, of those that start there the longest. */
export class AddedTokens {
  private readonly pattern: RegExp;
  private readonly firsts: string[];
  private readonly tokens = new Map<string, AddedToken>();

  /**
   * `normalize` makes of a token's content what is looked for; of two that make the same, the first is found.
   * @throws if a token is longer than any is
   */
  constructor(tokens: readonly AddedToken[], normalize: (content: string) => string = (content) => content) {
    for (const token of tokens) {
      const content = normalize(token.content);
      if (content.length > LONGEST)
        throw new Error(
          `WordPiece: added token ${token.id} has ${content.length} characters, expected at most ${LONGEST}. Is it one?`,
        );
      // Nothing is left to look for of a token that normalisation removes.
      if (content !== '' && !this.tokens.has(content)) this.tokens.set(content, token);
    }
    const contents = [...this.tokens.keys()].sort((a, b) => b.length - a.length);
    this.pattern = new RegExp(contents.map((content) => content.replace(/\W/g, escaped)).join('|'), 'g');
    this.firsts = [...new Set(contents.map((content) => content[0]))];
  }

  get size(): number {
    return this.tokens.size;
  }

  /** Hands over the text between the tokens and the ids of the tokens, from left to right. */
  split(text: string, between: (text: string) => void, found: (id: number) => void): void {
    let from = 0;
    if (this.firsts.some((first) => text.includes(first))) {
      for (const match of text.matchAll(this.pattern)) {
        const { id, singleWord, lstrip, rstrip } = this.tokens.get(match[0])!;
        let start = match.index;
        let end = start + match[0].length;
        if (
          singleWord &&
          (WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_AFTER.test(text.slice(end, end + 2)))
        )
          continue;
        if (lstrip) while (start > from && SPACE.test(text[start - 1])) start--;
        if (rstrip) while (end < text.length && SPACE.test(text[end])) end++;
        if (start > from) between(text.slice(from, start));
        found(id);
        from = end;
      }
    }
    if (from < text.length) between(from === 0 ? text : text.slice(from));
  }
}

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
