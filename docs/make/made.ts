// What of a page is made by a command: excerpts of sources, shaders as gpu.js writes them, and tables of what was measured.
//
// In a page, such a part stands between two comments, the first of which says what it is:
//   <!-- made: code PATH TEXT -->       lines of a file, from the first with TEXT to the next that only closes a bracket
//   <!-- made: wgsl KERNEL STAGE -->    the shader of a stage of a kernel of the library
//   <!-- made: measured NAME -->        the table of docs/measured/NAME.json
//   <!-- /made -->
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { kernels, type Kernel } from '../../kernels/index.js';
import { compileWgsl } from '../../kernels/gpu/compile.js';
import { readRecord } from './measured.js';
import { measurements } from './measurements.js';

const part = /<!-- made: (\w+) (.*?) -->\n[^]*?<!-- \/made -->/g;

/** A page with its parts made again. @throws naming the part that cannot be made */
export const remade = (page: string, root: string): string =>
  page.replace(part, (_, kind: string, what: string) => {
    const make = makers[kind];
    if (!make) throw new Error(`made: ${kind} ${what}: expected one of ${Object.keys(makers).join(', ')}.`);
    return `<!-- made: ${kind} ${what} -->\n\n${make(what, root)}\n\n<!-- /made -->`;
  });

const makers: Readonly<Record<string, (what: string, root: string) => string>> = {
  code(what, root) {
    const [, path, text] = /^(\S+) (.+)$/.exec(what) ?? [];
    const lines = path === undefined ? [] : readFileSync(join(root, path), 'utf8').split('\n');
    const first = lines.findIndex((line) => line.includes(text));
    const last = lines.findIndex((line, i) => i >= first && /^[}\])]+;?$/.test(line));
    if (first < 0 || last < 0) throw new Error(`made: code ${what}: the file has no such lines.`);
    return fenced(extname(path).slice(1), lines.slice(first, last + 1).join('\n'));
  },
  wgsl(what) {
    const [name, out] = what.split(' ');
    const kernel = (kernels as unknown as Readonly<Record<string, Kernel | undefined>>)[name];
    const stage = kernel?.stages.find((stage) => stage.out === out);
    if (!kernel || !stage) throw new Error(`made: wgsl ${what}: the library has no such kernel, or it no such stage.`);
    return fenced('wgsl', compileWgsl(kernel, stage).compiledSource.trim());
  },
  measured(name, root) {
    const { command, machine, date, rows } = readRecord(root, name);
    const { table } = measurements[name];
    if (!table) throw new Error(`made: measured ${name}: it is shown in a picture, not in a table.`);
    return `${table(rows)}\n\n\`${command}\`, ${machine}, ${date}.`;
  },
};

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;
