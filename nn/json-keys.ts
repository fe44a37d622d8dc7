// Finds a key that a JSON text gives twice in one object, which JSON.parse would settle in silence.

/** The first key that comes twice in the same object of `json`, which must be well-formed JSON; undefined if none does. */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === '{') open.push(new Set());
    else if (char === '[') open.push(undefined);
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const begin = i++;
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
      if (!isFollowedByColon(json, i + 1)) continue;
      const key = JSON.parse(json.slice(begin, i + 1)) as string;
      const keys = open[open.length - 1];
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function isFollowedByColon(json: string, at: number): boolean {
  while (json.charCodeAt(at) <= 0x20) at++;
  return json[at] === ':';
}
