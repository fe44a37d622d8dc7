// All of docs/ as a folder of pages that fetch nothing: guides and decisions, the files they speak of, and the API reference.
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, posix } from 'node:path';
import { writeApi } from './api.js';
import { render } from './markdown.js';
import { framed, relative, type NavigationGroup, type Page } from './page.js';
import { openRepository, readText, type Repository } from './repository.js';
import { about, folderHtml, sourceHtml } from './source.js';

/** Guides in the order in which they are read. */
const guides = ['retromae', 'backprop', 'one-kernel-four-ways', 'matmul', 'map'];

export interface SiteOptions {
  /** The repository. */
  readonly root: string;
  /** A folder that is new, empty, or a site, which is made anew. */
  readonly out: string;
  /** Whether the API reference is made as well, which takes most of the time. */
  readonly api?: boolean;
}

/**
 * Writes the site.
 * @returns how many pages it has, the reference not counted
 * @throws if the folder holds other things, a formula is none, a link leads nowhere, or TypeDoc has a warning
 */
export async function writeSite({ root, out, api = true }: SiteOptions): Promise<number> {
  await refuseOthers(out);
  const repository = openRepository(root);
  await rm(out, { recursive: true, force: true });
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(out, path)), { recursive: true });
    await writeFile(join(out, path), content);
  };
  // First, so that a site that was broken off is known for one.
  await write(STYLE, readText(root, 'docs/make/style.css'));
  const pages = repository.paths.flatMap((path) => pageFor(repository, root, path));
  pages.push(...folderPages(repository, root));
  const navigation = contents(repository, root, pages, api);
  for (const page of pages) await write(page.path, framed(page, navigation));
  for (const path of repository.paths)
    if (repository.pageOf(path) === path) {
      await mkdir(dirname(join(out, path)), { recursive: true });
      await cp(join(root, path), join(out, path));
    }
  await writeFormulaStyle(join(out, 'site'));
  if (api) await writeApi(root, join(out, 'api'));
  return pages.length;
}

/** In every site. */
const STYLE = 'site/style.css';

/** @throws if a folder holds anything but a site: all that it has would be lost */
async function refuseOthers(out: string): Promise<void> {
  const entries = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(`${out}: cannot be read (${error.code}), expected a folder; name a new one.`, { cause: error });
  });
  if (entries.length > 0 && !existsSync(join(out, STYLE)))
    throw new Error(`${out}: holds other things than a site, which would be lost; name a new folder.`);
}

/** The page of a file that is shown rather than copied. */
function pageFor(repository: Repository, root: string, path: string): Page[] {
  const to = repository.pageOf(path);
  if (to === undefined || to === path) return [];
  const text = readText(root, path);
  if (!path.endsWith('.md'))
    return [{ path: to, title: path, html: `<h1>${path}</h1>\n${sourceHtml(text, extname(path).slice(1))}` }];
  return [{ path: to, ...render(text, (written) => linkFrom(repository, path, written)) }];
}

/** Where a link of a page leads on the site. @throws if nowhere */
function linkFrom(repository: Repository, page: string, written: string): string {
  if (/^(?:[a-z]+:|#)/.test(written)) return written;
  const [path, place] = written.split('#');
  const target = posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, '');
  const to = repository.pageOf(target);
  if (to === undefined) throw new Error(`${page}: its link ${written} leads to no page. Is ${target} there?`);
  return relative(repository.pageOf(page)!, to) + (place === undefined ? '' : `#${place}`);
}

/** A page for each folder: what is in it, and what each file says of itself. */
function folderPages(repository: Repository, root: string): Page[] {
  const within = new Map<string, Set<string>>();
  for (const path of repository.paths)
    for (let child = path; posix.dirname(child) !== '.'; child = posix.dirname(child)) {
      const folder = posix.dirname(child);
      within.set(folder, (within.get(folder) ?? new Set()).add(child));
    }
  return [...within].map(([folder, children]) => {
    const path = repository.pageOf(folder)!;
    const entries = [...children].sort().flatMap((child) => {
      const to = repository.pageOf(child);
      if (to === undefined) return [];
      const isFolder = repository.isFolder(child);
      const name = posix.basename(child) + (isFolder ? '/' : '');
      const index = isFolder
        ? [`${child}/index.ts`, `${child}/pure.ts`].find((file) => repository.pageOf(file))
        : child;
      const says = index === undefined || to === child ? '' : about(readText(root, index));
      return [{ name, link: relative(path, to), about: says }];
    });
    return { path, title: folder, html: `<h1>${folder}</h1>\n${folderHtml(entries)}` };
  });
}

function contents(repository: Repository, root: string, pages: readonly Page[], api: boolean): NavigationGroup[] {
  const titleOf = (path: string) => pages.find((page) => page.path === path)?.title ?? path;
  const all = (match: RegExp) => repository.paths.filter((path) => match.test(path));
  const named = (paths: readonly string[]) =>
    paths.map((path) => ({ path: repository.pageOf(path)!, name: titleOf(repository.pageOf(path)!) }));
  const own = all(/^docs\/[^/]+\.md$/);
  const place = (path: string) => guides.indexOf(posix.basename(path, '.md')) >>> 0;
  return [
    { name: 'Guides', pages: named([...own].sort((a, b) => place(a) - place(b))) },
    {
      name: 'Examples',
      pages: all(/^examples\/.*\.js$/).map((path) => ({
        path: repository.pageOf(path)!,
        name: posix.basename(path, '.js'),
      })),
    },
    { name: 'Decisions', pages: named(all(/^docs\/design\/.*\.md$/)) },
    {
      name: 'Results',
      pages: [
        ...named(all(/^bench\/.*\.md$/)),
        ...all(/^docs\/reports\/.*\.html$/).map((path) => ({ path, name: headOf(readText(root, path)) })),
      ],
    },
    {
      name: 'Reference',
      pages: [
        ...(api ? [{ path: 'api/index.html', name: 'API' }] : []),
        ...named(['CHANGELOG.md']),
        ...['core', 'kernels', 'nn', 'retromae'].map((room) => ({
          path: `${room}/index.html`,
          name: `files of ${room}`,
        })),
      ],
    },
  ];
}

const headOf = (html: string): string => /<title>([^<]*)<\/title>/.exec(html)?.[1] ?? 'report';

/** KaTeX's style with its fonts, in the one format that every browser with MathML takes. */
async function writeFormulaStyle(folder: string): Promise<void> {
  const katex = dirname(createRequire(import.meta.url).resolve('katex/dist/katex.min.css'));
  const css = await readFile(join(katex, 'katex.min.css'), 'utf8');
  await writeFile(join(folder, 'katex.css'), css.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g, ''));
  await mkdir(join(folder, 'fonts'), { recursive: true });
  for (const font of await readdir(join(katex, 'fonts')))
    if (font.endsWith('.woff2')) await cp(join(katex, 'fonts', font), join(folder, 'fonts', font));
}
