// The JSON files of a model folder as fields.
import { isFile, JsonFields, readJsonObject } from '../data/index.js';

const REMEDY = 'Copy the folder again, or take another model.';

/** @throws naming the file: not there, not JSON, or not an object */
export const fieldsOf = async (file: string): Promise<JsonFields> =>
  new JsonFields(file, await readJsonObject(file), REMEDY);

/** The same; no fields where there is no such file. */
export const fieldsIfThere = async (file: string): Promise<JsonFields> =>
  (await isFile(file)) ? fieldsOf(file) : new JsonFields(file, {}, REMEDY);

/** The fields of an object within; none where there is none. */
export const within = (fields: JsonFields, name: string): JsonFields => fields.at(name, fields.get(name) ?? {});
