// Text in XML and HTML.

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Any text as the content of an element or of a quoted attribute; control characters, which XML forbids, become U+FFFD. */
export const escapeMarkup = (text: string): string =>
  text
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    // eslint-disable-next-line no-control-regex -- they are the ones to be found
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, '\uFFFD');
