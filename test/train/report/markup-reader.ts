// A strict little reader of XML: enough to see that markup is well-formed and what is in it.

export interface Element {
  name: string;
  attributes: Record<string, string>;
  /** Of this element alone, not unescaped. */
  text: string;
}

const TOKEN = /<!doctype html>|<(\/?)([a-zA-Z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy;
/** Elements of HTML that have no end. */
const VOID = ['meta'];

/** The elements in the order of their start tags. @throws where the markup is not well-formed */
export function elements(markup: string): Element[] {
  const found: Element[] = [];
  const open: Element[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < markup.length) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(markup);
    if (!token) throw new Error(`not markup at ${at}: ${markup.slice(at, at + 80)}`);
    const [, end, name, attributes, closed, text] = token;
    if (text !== undefined) {
      if (/&(?!(?:amp|lt|gt|quot|#39|#\d+);)/.test(text)) throw new Error(`a bare & in ${text}`);
      const last = open.at(-1);
      if (last) last.text += text;
      else if (text.trim()) throw new Error(`text outside of the root: ${text}`);
    } else if (end) {
      const last = open.pop();
      if (last?.name !== name) throw new Error(`</${name}> closes <${last?.name}> at ${at}`);
    } else if (name) {
      const element: Element = { name, attributes: {}, text: '' };
      for (const [, key, value] of attributes.matchAll(/([\w:-]+)="([^"]*)"/g)) {
        if (key in element.attributes) throw new Error(`${key} twice in <${name}> at ${at}`);
        element.attributes[key] = value;
      }
      found.push(element);
      if (!closed && !VOID.includes(name)) open.push(element);
    }
  }
  if (open.length > 0) throw new Error(`<${open[0].name}> is not closed`);
  return found;
}

/** The texts of the elements of a name. */
export const textOf = (markup: string, name: string): string[] =>
  elements(markup)
    .filter((element) => element.name === name)
    .map(({ text }) => text);
