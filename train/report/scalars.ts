// What the numbers of records are: those of all objectives by their name, so that a log tells enough to be drawn.
import { objectiveNamed, objectiveNames, type Scalar, type Scalars } from '../../retromae/index.js';
import { scalarNames, type StepRecord } from './records.js';

const known: Scalars = Object.assign({}, ...objectiveNames.map((name) => objectiveNamed(name).scalars)) as Scalars;

/** A number of which nothing is known but its name. */
const unknown = (name: string): Scalar => ({ unit: 'number', label: name, tag: name });

/** What a number of a record is. @param own of an objective that is not in the list */
const scalarOf = (name: string, own: Scalars = {}): Scalar =>
  [own, known].find((all) => Object.hasOwn(all, name))?.[name] ?? unknown(name);

/** What records report, in their order; of one unit, or of all. */
export const scalarsIn = (
  steps: readonly StepRecord[],
  own?: Scalars,
  unit?: Scalar['unit'],
): (Scalar & { readonly name: string })[] =>
  scalarNames(steps)
    .map((name) => ({ name, ...scalarOf(name, own) }))
    .filter((scalar) => unit === undefined || scalar.unit === unit);
