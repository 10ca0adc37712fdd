import { FigaroError, type ErrorCode } from '../../errors.ts';

/** How many are named in the end; each is told when it is met. */
const mostNamed = 20;

/** What of a container could not be read, while the rest was. */
export class Refusals {
  readonly #first: FigaroError[] = [];
  #count = 0;
  /** Damage is worse than what only this program cannot read. */
  #worst: FigaroError | undefined;

  get count(): number {
    return this.#count;
  }

  /** Returns what is to be told now: what is alone is the error that the run ends with. */
  add(error: FigaroError): readonly string[] {
    this.#count += 1;
    if (this.#first.length < mostNamed) this.#first.push(error);
    if (!this.#worst || error.exitCode > this.#worst.exitCode) this.#worst = error;
    if (this.#count === 1) return [];
    return this.#count === 2 ? [this.#first[0]!.message, error.message] : [error.message];
  }

  /** The error that a run ends with which gave all the rest; undefined where that is everything. */
  error(): FigaroError | undefined {
    const worst = this.#worst;
    if (!worst || this.#count === 1) return worst;
    const findings = this.#first.map(({ code, message }): { readonly code: ErrorCode; readonly message: string } => ({
      code,
      message,
    }));
    const more = this.#count - 1;
    return new FigaroError(worst.code, `${worst.message}; ${more} more could not be read`, {
      ...worst.details,
      findings,
    });
  }
}

/** True for what keeps one document from being read, and no other. */
export function isRefusal(error: unknown): error is FigaroError {
  if (!(error instanceof FigaroError)) return false;
  return error.code === 'page-type' || error.code === 'page-checksum' || error.code === 'format-unsupported';
}
