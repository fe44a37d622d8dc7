// Advice that can be followed: every flag that a message, a help text or a page names is one of a command.
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import ts from 'typescript';
import { pagesOf } from '../../docs/make/guides.js';
import { settingRows } from '../../train/index.js';
import { nodesOf, sourcesIn, type Source } from '../structure/source.js';
import { succeed } from './support.js';

const commands = [
  'pretrain',
  'compare',
  'finetune',
  'adapt',
  'reproduce',
  'eval',
  'encode',
  'search',
  'mine',
  'distill',
  'rerank',
  'export',
];
const flagsIn = (text: string): string[] => [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*[a-z]/g)].map(([flag]) => flag);

/** The flags that a command takes, as its --help lists them. */
async function flagsOf(command: string): Promise<Set<string>> {
  const { stdout } = await succeed(command, '--help');
  const listed = [...stdout.matchAll(/^ {2}(--\S+)/gm)].map(([, flag]) => flag);
  return new Set(listed.flatMap((flag) => [flag.replace('[no-]', ''), flag.replace('[no-]', 'no-')]));
}

/** What a source says: its strings and templates, each `${flagOf('name')}` in these left out. */
const textsOf = ({ tree }: Source): string[] =>
  [...nodesOf(tree)].flatMap((node) =>
    ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)
      ? [node.text]
      : [],
  );

void test('messages and pages name flags that there are', async (t) => {
  const own = new Map(await Promise.all(commands.map(async (name) => [name, await flagsOf(name)] as const)));
  for (const [name, flags] of own) t.ok(flags.has('--help'), `${name} lists its flags`);
  const any = new Set([...own.values()].flatMap((flags) => [...flags]).concat('--version', '--no-'));
  // What is said in the file of a command is of that command; but pretrain ends with what to do next.
  const flagsFor = (path: string): Set<string> =>
    own.get(/^cli\/(eval|encode|search|mine|distill|export)\.ts$/.exec(path)?.[1] ?? '') ?? any;
  const sources = sourcesIn(['cli', 'train', 'finetune', 'retromae', 'retrieval', 'hub', 'data', 'nn', 'core']);
  let named = 0;
  // The style sheet of the report has names that look the same.
  for (const source of sources.filter(({ path }) => path !== 'train/report/report.ts')) {
    for (const flag of textsOf(source).flatMap(flagsIn)) {
      named++;
      if (!flagsFor(source.path).has(flag)) t.fail(`${source.path} names ${flag}, which is no flag there`);
    }
  }
  t.ok(named > 40, `${named} flags are named`);
  const pages = pagesOf('.');
  for (const page of pages)
    for (const [, line] of readFileSync(page, 'utf8').matchAll(
      /retromae (?:pretrain|compare|finetune|adapt|reproduce|eval|encode|search|mine|distill|rerank|export)([^\n`]*)/g,
    ))
      for (const flag of flagsIn(line)) t.ok(any.has(flag), `${page}: ${flag}`);
});

void test('no message that the command line may print names a setting by another name than its flag', (t) => {
  const settings = Object.keys(settingRows).filter((name) => /[A-Z]/.test(name));
  t.ok(settings.includes('maxBadLines') && settings.includes('vocabSize'));
  const named = new RegExp(`\\b(${settings.join('|')}|coverage)\\b`);
  // A name alone is an argument of a function, not a message; `retromae/` and `nn/` speak to whoever calls them.
  for (const source of sourcesIn(['cli', 'train', 'finetune', 'hub', 'data', 'retrieval']))
    for (const text of textsOf(source)) if (/\s/.test(text) && named.test(text)) t.fail(`${source.path}: ${text}`);
  t.end();
});
