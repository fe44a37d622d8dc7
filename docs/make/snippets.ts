// The programs in the guides: the ```js fences of a page are one, and a ```text fence below one of them is what it prints.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Between the outputs of two snippets. */
const MARK = '\u0001';
const snippet = /^```js\n([^]*?)^```\n(?:\n```text\n([^]*?)^```\n)?/gm;

export const countSnippets = (page: string): number => [...page.matchAll(snippet)].length;

/**
 * The page with what its snippets print below them.
 * @param root a built repository, whose package the snippets import by its name
 * @throws what a snippet throws
 */
export async function withOutputs(page: string, root: string): Promise<string> {
  const codes = [...page.matchAll(snippet)].map(([, code]) => code);
  if (codes.length === 0) return page;
  const folder = await mkdtemp(join(resolve(root), 'dist', 'guide-'));
  try {
    const program = join(folder, 'guide.mjs');
    await writeFile(program, codes.map((code) => `${code}\nconsole.log('${MARK}');\n`).join(''));
    const { stdout } = await run(process.execPath, [program]);
    const outputs = stdout.split(`${MARK}\n`);
    let next = 0;
    return page.replace(snippet, (_, code: string) => {
      const output = outputs[next++];
      return `\`\`\`js\n${code}\`\`\`\n${output === '' ? '' : `\n\`\`\`text\n${output}\`\`\`\n`}`;
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
