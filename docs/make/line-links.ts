// Links to lines of sources, which move: each finds the line that has its text again.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const link = /\[(`[^`]*`)\]\(([^)\s#]+)#L(\d+)\)/g;

/**
 * The page at `path` with links to where their texts stand now; where a text stands in several lines, the nearest to where
 * it was. What is not found stays, for the test of links to complain of.
 */
export const relinked = (page: string, root: string, path: string): string =>
  page.replace(link, (whole, text: string, target: string, was: string) => {
    const file = join(root, dirname(path), target);
    if (!existsSync(file)) return whole;
    const wanted = text.replaceAll('`', '');
    const found = readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, i) => (line.includes(wanted) ? [i + 1] : []))
      .sort((a, b) => Math.abs(a - Number(was)) - Math.abs(b - Number(was)));
    return found.length === 0 ? whole : `[${text}](${target}#L${found[0]})`;
  });
