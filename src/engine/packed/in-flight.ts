/** Work that goes on in the background, some of it at a time. */
export class InFlight {
  readonly #most: number;
  readonly #going = new Set<Promise<void>>();
  #failure: { readonly reason: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Begins work, once there is room for it. Throws what earlier work failed with. */
  async begin(work: () => Promise<void>): Promise<void> {
    while (this.#going.size >= this.#most) await Promise.race(this.#going);
    this.#throwFailure();
    const going: Promise<void> = work()
      .catch((reason: unknown) => {
        this.#failure ??= { reason };
      })
      .finally(() => this.#going.delete(going));
    this.#going.add(going);
  }

  /** Waits for all of it. Throws what any of it failed with. */
  async end(): Promise<void> {
    await Promise.all(this.#going);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.reason;
  }
}
