/** Some pages by their numbers: so few that looking through them is quickest, and emptied for each record without giving memory back. */
export class PageNumbers {
  readonly #numbers: number[] = [];
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  add(pgno: number): void {
    this.#numbers[this.#count++] = pgno;
  }

  includes(pgno: number): boolean {
    for (let i = 0; i < this.#count; i++) if (this.#numbers[i] === pgno) return true;
    return false;
  }
}
