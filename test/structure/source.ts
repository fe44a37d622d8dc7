// The sources of the house as the test of its rules sees them: their text, their tree, and what they import.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** What each room may import besides itself. Tests and benchmarks may import anything. */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  kernels: [],
  core: ['kernels'],
  nn: ['kernels', 'core'],
  data: [],
  retromae: ['core', 'nn', 'data'],
  hub: ['core', 'nn', 'data'],
  train: ['kernels', 'core', 'nn', 'data', 'retromae', 'hub'],
  retrieval: ['core', 'nn', 'data'],
  finetune: ['core', 'nn', 'data', 'retromae', 'hub', 'retrieval', 'train'],
  cli: ['kernels', 'core', 'nn', 'data', 'retromae', 'hub', 'train', 'retrieval', 'finetune'],
};

export interface Import {
  readonly name: string;
  readonly lazy: boolean;
  /** Whether it is of types only, which leaves no trace in the program. */
  readonly types: boolean;
}

export interface Source {
  readonly path: string;
  readonly folder: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

/** A source at a path below the root. */
export function sourceOf(path: string, text: string): Source {
  const [folder] = path.split('/');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  return { path, folder, text, tree, imports: importsOf(tree) };
}

/** All sources of the given folders. */
export const sourcesIn = (folders: readonly string[]): Source[] =>
  folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((file) => join(folder, String(file)))
      .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
      .map((path) => sourceOf(path, readFileSync(path, 'utf8'))),
  );

/** The path of what an import names, if it is a source. */
export const targetOf = ({ path }: Source, { name }: Import): string | undefined =>
  name.startsWith('.') ? join(dirname(path), name).replace(/\.js$/, '.ts') : undefined;

export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodesOf(child);
}

function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  for (const node of nodesOf(tree)) {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const types = ts.isImportDeclaration(node)
        ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : node.isTypeOnly;
      if (node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
        found.push({ name: node.moduleSpecifier.text, lazy: false, types });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [name] = node.arguments;
      if (ts.isStringLiteral(name)) found.push({ name: name.text, lazy: true, types: false });
    }
  }
  return found;
}
