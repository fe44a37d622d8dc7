// The pages as they should be: with what their snippets print, their parts that commands make, and links to lines where these are.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { relinked } from './line-links.js';
import { remade } from './made.js';
import { withOutputs } from './snippets.js';

const markdownIn = (root: string, folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => posix.join(folder, file));

/** Paths of the guides. */
export const guidesOf = (root: string): string[] => markdownIn(root, 'docs');

/** Paths of the guides, and of the pages whose snippets are no programs by themselves. */
export const pagesOf = (root: string): string[] => ['README.md', ...markdownIn(root, 'docs/design'), ...guidesOf(root)];

/** @throws if a part cannot be made, or a snippet of a guide throws */
export async function remadePage(root: string, path: string): Promise<string> {
  const page = remade(relinked(await readFile(join(root, path), 'utf8'), root, path), root);
  const whole = guidesOf(root).includes(path) ? await withOutputs(page, root) : page;
  return format(whole, { ...(await resolveConfig(join(root, path))), parser: 'markdown' });
}
