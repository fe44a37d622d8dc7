// The API reference, by TypeDoc, inside the site.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Application, Comment, type ProjectReflection } from 'typedoc';
import { readText } from './repository.js';
import { about } from './source.js';

/** Stands for the site's first page until it is known how deep a page of the reference lies. */
const HOME = 'https://site.invalid/';

/** A link to a declaration that is not ours: of a class of JavaScript itself. */
const foreign = new RegExp(`<a href="${HOME}node_modules/[^"]*"[^>]*>([^]*?)</a>`, 'g');

/** @throws if TypeDoc has a warning: a link that leads nowhere, or a parameter that is not there */
export async function writeApi(root: string, out: string): Promise<void> {
  const app = await Application.bootstrapWithPlugins({
    options: join(root, 'typedoc.json'),
    sourceLinkTemplate: `${HOME}{path}.html#L{line}`,
    navigationLinks: { Guides: `${HOME}index.html` },
    logLevel: 'Warn',
    skipErrorChecking: true,
  });
  const project = await app.convert();
  if (project) {
    describeRooms(project, root);
    app.validate(project);
    if (!app.logger.hasWarnings()) await app.generateDocs(project, out);
  }
  if (app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error('the API reference: TypeDoc has warnings, see above, expected none.');
  for (const file of await readdir(out, { recursive: true })) {
    if (!file.endsWith('.html')) continue;
    const html = await readFile(join(out, file), 'utf8');
    const home = posix.relative(posix.dirname(posix.join('api', file.replaceAll('\\', '/'))), '.');
    await writeFile(join(out, file), html.replace(foreign, '$1').replaceAll(HOME, `${home}/`));
  }
}

/** What each room says of itself in the first line of its index, on its page and on the first one. */
function describeRooms(project: ProjectReflection, root: string): void {
  const rooms = project.children ?? [];
  for (const room of rooms)
    room.comment = new Comment([{ kind: 'text', text: about(readText(root, `${room.name}/index.ts`)) }]);
  const lines = rooms.map(({ comment }) => `- ${comment?.summary[0].text}`);
  project.readme = [{ kind: 'text', text: `The package \`retromae\` has all of these.\n\n${lines.join('\n')}` }];
}
