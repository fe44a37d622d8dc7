// What is compared: objectives by name, each with options of its own, as one types them.
import { flagOf } from '../../data/index.js';
import { objectiveNamed, objectiveNames, type ObjectiveName, type Option } from '../../retromae/index.js';

/** One objective of a comparison. */
export interface Entry {
  /** As it was typed; no two are alike. */
  readonly label: string;
  readonly objective: ObjectiveName;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Reads `all`, or `mlm,retromae,retromae:decoder=basic:decoder-layers=3,retromae+crop`.
 * @throws naming the objective or the option that is not there, or what its value must be
 */
export function parseEntries(text: string): Entry[] {
  const labels = text.split(',').map((label) => label.trim());
  const entries = labels.flatMap((label) => (label === 'all' ? objectiveNames : [label])).map(parseEntry);
  const twice = entries.find(({ label }, i) => entries.findIndex((other) => other.label === label) < i);
  if (twice) throw new Error(`${flagOf('objectives')} names ${twice.label} twice. Name each once.`);
  return entries;
}

function parseEntry(label: string): Entry {
  const [name, ...settings] = label.split(':');
  const where = `${flagOf('objectives')} ${label}`;
  try {
    const objective = objectiveNamed(name as ObjectiveName);
    const rows: Readonly<Record<string, Option<unknown>>> = { ...objective.options };
    const options = Object.fromEntries(settings.map((setting) => parseOption(setting, rows)));
    objective.complete(options, flagOf);
    return { label, objective: name as ObjectiveName, options };
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

function parseOption(setting: string, rows: Readonly<Record<string, Option<unknown>>>): [name: string, value: unknown] {
  const [flag, text = 'true'] = setting.split('=');
  const name = flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  if (!Object.hasOwn(rows, name))
    throw new Error(
      `there is no option ${flag}; it has ${Object.keys(rows)
        .map((each) => flagOf(each).slice(2))
        .join(', ')}.`,
    );
  const { type } = rows[name].rule;
  if (type === 'number') return [name, Number(text)];
  return [name, type === 'boolean' ? text === 'true' : text];
}
