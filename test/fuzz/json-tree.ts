// JSON as a tree that can say what no value of JavaScript can: a key twice, 1e999, NaN, text that is no JSON at all.

/** `key` is printed as a JSON string; `raw` is printed as it is. */
export type Tree = { entries: { key: string; value: Tree }[] } | { items: Tree[] } | { raw: string };

/** The tree of a JSON text. @throws SyntaxError */
export const parseTree = (text: string): Tree => treeOf(JSON.parse(text));

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { items: value.map(treeOf) };
  if (typeof value !== 'object' || value === null) return { raw: JSON.stringify(value) };
  return { entries: Object.entries(value).map(([key, inner]) => ({ key, value: treeOf(inner) })) };
}

export function printTree(tree: Tree): string {
  if ('raw' in tree) return tree.raw;
  if ('items' in tree) return `[${tree.items.map(printTree).join(',')}]`;
  return `{${tree.entries.map(({ key, value }) => `${JSON.stringify(key)}:${printTree(value)}`).join(',')}}`;
}

/** A place in a tree: what stands there, and how to put something else there, or something beside it. */
export interface Place {
  readonly tree: Tree;
  /** Replaces what stands here by any number of trees: none removes it, its key included. */
  put(...trees: Tree[]): void;
  /** Gives it another key, where it has one. */
  rename(key: string): void;
}

/** The places of all values in a tree, without its root. */
export function placesIn(root: Tree): Place[] {
  const places: Place[] = [];
  if ('entries' in root)
    for (const entry of root.entries) {
      const put = (...trees: Tree[]) =>
        root.entries.splice(root.entries.indexOf(entry), 1, ...trees.map((value) => ({ key: entry.key, value })));
      places.push({ tree: entry.value, put, rename: (key) => void (entry.key = key) }, ...placesIn(entry.value));
    }
  else if ('items' in root)
    for (const item of root.items) {
      const put = (...trees: Tree[]) => root.items.splice(root.items.indexOf(item), 1, ...trees);
      places.push({ tree: item, put, rename: () => undefined }, ...placesIn(item));
    }
  return places;
}
