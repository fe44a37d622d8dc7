// A value of unknown kind in a message.

const LONGEST = 60;

/** As JSON, so that a text is told from a number, and cut short; what is nested too deeply to be written has no JSON. */
export function shownValue(value: unknown): string {
  if (typeof value === 'number') return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return Array.isArray(value) ? 'a list of lists' : 'an object of objects';
  }
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
