// What of the repository is on the site, and what the page of each file is called.
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';

/** Folders whose files are shown, and files beside them. */
const folders = ['bench', 'cli', 'core', 'data', 'docs', 'examples', 'finetune', 'hub', 'kernels', 'nn'].concat([
  'retrieval',
  'retromae',
  'test',
  'train',
]);
const files = ['README.md', 'CHANGELOG.md', 'LICENSE', 'build.js', 'index.ts', 'package.json', 'pure.ts'].concat(
  ['README.md', 'check.py', 'compare.js', 'models.js', 'package.json', 'run.js'].map((name) => `interop/${name}`),
);

const isCopied = (path: string): boolean => ['.html', '.svg', '.png'].includes(extname(path));
const isSource = (path: string): boolean =>
  ['.ts', '.js', '.py', '.css', ''].includes(extname(path)) || path.endsWith('package.json');

export interface Repository {
  /** Of files, in order. */
  readonly paths: readonly string[];
  readonly isFolder: (path: string) => boolean;
  /** Of the page of a file or a folder within the site; undefined where it has none. */
  readonly pageOf: (path: string) => string | undefined;
}

/** Reads which files there are; paths are relative to `root` and have slashes. */
export function openRepository(root: string): Repository {
  const paths = [...files];
  const known = new Set(['interop']);
  for (const folder of folders) {
    known.add(folder);
    for (const entry of readdirSync(`${root}/${folder}`, { recursive: true, withFileTypes: true })) {
      const path = relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/');
      if (entry.isDirectory()) known.add(path);
      else paths.push(path);
    }
  }
  const all = new Set(paths);
  const pageOf = (path: string) => {
    if (path === 'README.md') return 'index.html';
    if (known.has(path)) return `${path}/index.html`;
    if (!all.has(path)) return undefined;
    if (isCopied(path)) return path;
    if (path.endsWith('.md')) return path.replace(/\.md$/, '.html');
    return isSource(path) ? `${path}.html` : undefined;
  };
  return { paths: paths.sort(), isFolder: (path) => known.has(path), pageOf };
}

export const readText = (root: string, path: string): string => readFileSync(`${root}/${path}`, 'utf8');
