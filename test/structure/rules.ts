// The rules of who imports whom, as functions of the sources: each gives a line for every import that breaks it.
import { arrows, targetOf, type Import, type Source } from './source.js';

/** Lines of the form `path: what`, for each import that is wrong. */
export const wrong = (
  sources: readonly Source[],
  what: (item: Import, source: Source) => string | false | undefined,
): string[] =>
  sources.flatMap((source) =>
    source.imports.flatMap((item) => {
      const complaint = what(item, source);
      return complaint ? `${source.path}: ${complaint}` : [];
    }),
  );

/** The room of a path; undefined for what is no source: the compiled kernels, the version in package.json. */
const roomOf = (target: string | undefined): string | undefined =>
  target?.endsWith('.ts') ? target.split('/')[0] : undefined;

/** Imports that go against the arrows. */
export const againstArrows = (sources: readonly Source[]): string[] =>
  wrong(sources, (item, source) => {
    const room = roomOf(targetOf(source, item));
    const allowed = room === undefined || room === source.folder || arrows[source.folder].includes(room);
    return !allowed && `imports ${item.name}`;
  });

/** Imports of another room that go past its index, or past what of it needs no files. */
export const pastIndex = (sources: readonly Source[]): string[] =>
  wrong(sources, (item, source) => {
    const target = targetOf(source, item);
    const room = roomOf(target);
    const isDoor = target === `${room}/index.ts` || target === `${room}/pure.ts`;
    return room !== undefined && room !== source.folder && !isDoor && `imports ${item.name}`;
  });

/** Circles of files that load each other, each as its paths. Imports of types leave no trace, and lazy ones come later. */
export function circles(sources: readonly Source[]): string[][] {
  const loads = loadsOf(sources);
  const reach = new Map([...loads.keys()].map((path) => [path, reachable(loads, path)]));
  const found: string[][] = [];
  for (const path of loads.keys()) {
    if (!reach.get(path)!.has(path) || found.some((circle) => circle.includes(path))) continue;
    found.push([...reach.get(path)!].filter((other) => reach.get(other)?.has(path)).sort());
  }
  return found;
}

/** What each file loads at once, of the given sources. */
function loadsOf(sources: readonly Source[]): Map<string, string[]> {
  const known = new Set(sources.map(({ path }) => path));
  return new Map(
    sources.map((source) => [
      source.path,
      source.imports
        .filter(({ lazy, types }) => !lazy && !types)
        .flatMap((item) => targetOf(source, item) ?? [])
        .filter((path) => known.has(path)),
    ]),
  );
}

/** All that a file loads, directly or not; itself only if it is on a circle. */
function reachable(loads: ReadonlyMap<string, readonly string[]>, from: string): Set<string> {
  const found = new Set<string>(loads.get(from));
  for (const path of found) for (const next of loads.get(path) ?? []) found.add(next);
  return found;
}

/** What of Node is loaded by the files that must run without it: by `entries` and all that these load. */
export function needsNode(sources: readonly Source[], entries: readonly string[]): string[] {
  const loads = loadsOf(sources);
  const all = new Set(entries.flatMap((entry) => [entry, ...reachable(loads, entry)]));
  return wrong(
    sources.filter(({ path }) => all.has(path)),
    ({ name, lazy, types }) => name.startsWith('node:') && !lazy && !types && `imports ${name}`,
  );
}
