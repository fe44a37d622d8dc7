// Ids that must be distinct, with the place of each, so that both places of one that comes twice can be told.

export class DistinctIds {
  private readonly places = new Map<string, string>();

  /**
   * Takes an id.
   * @param at its place, FILE:LINE
   * @throws if there is none, it is empty or has blanks at its ends (judgements could not name it), or it was there before
   */
  add(id: string | undefined, at: string): void {
    if (id === undefined || id.trim() === '')
      throw new Error(
        `${at}: ${id === undefined ? 'no id' : 'an empty id'}, expected one in a field such as "_id"; give it one.`,
      );
    if (id.trim() !== id) throw new Error(`${at}: the id ${JSON.stringify(id)} has blanks at its ends; remove them.`);
    const former = this.places.get(id);
    if (former !== undefined)
      throw new Error(
        `${at}: the id ${JSON.stringify(id)} comes twice, first at ${former}, expected distinct ids; drop one of the two.`,
      );
    this.places.set(id, at);
  }
}
