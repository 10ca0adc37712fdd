import { DocumentProblem } from './problem.ts';

/** The URI of the attributes that declare namespaces. */
export const declarations = 'http://www.w3.org/2000/xmlns/';

/** More than any document binds at once. */
const mostBindings = 1_000_000;

interface Binding {
  readonly prefix: string;
  readonly uri: string;
  /** The bindings that this one hides: of its prefix, and the one of its URI before it. */
  readonly ofPrefix: number;
  readonly ofUri: number;
}

/** Prefixes bound to URIs, by elements inside each other (dbxml documents document, 4.4). */
export class Namespaces {
  readonly #bindings: Binding[] = [];
  /** By prefix and by URI: the innermost binding. */
  readonly #byPrefix = new Map<string, number>();
  readonly #byUri = new Map<string, number>();
  #made = 0;
  /** Where the bindings of the innermost element begin. */
  scope = 0;

  constructor() {
    this.bind('xmlns', declarations);
    this.bind('xml', 'http://www.w3.org/XML/1998/namespace');
    this.bind('', '');
  }

  /** Begins the scope of an element. Returns what ends it, and gives the one around it back. */
  enter(): number {
    const outer = this.scope;
    this.scope = this.#bindings.length;
    return outer;
  }

  /** Ends the scope of the innermost element. */
  leave(outer: number): void {
    while (this.#bindings.length > this.scope) {
      const { prefix, uri, ofPrefix, ofUri } = this.#bindings.pop()!;
      restore(this.#byPrefix, prefix, ofPrefix);
      restore(this.#byUri, uri, ofUri);
    }
    this.scope = outer;
  }

  bind(prefix: string, uri: string): void {
    const index = this.#bindings.length;
    if (index >= mostBindings) throw new DocumentProblem(`more than ${mostBindings} namespaces are declared at once`);
    const ofPrefix = this.#byPrefix.get(prefix) ?? -1;
    const ofUri = this.#byUri.get(uri) ?? -1;
    this.#bindings.push({ prefix, uri, ofPrefix, ofUri });
    this.#byPrefix.set(prefix, index);
    this.#byUri.set(uri, index);
  }

  isBound(prefix: string, uri: string): boolean {
    const index = this.#byPrefix.get(prefix);
    return index !== undefined && this.#bindings[index]!.uri === uri;
  }

  /** True when the innermost element itself binds the prefix. */
  isBoundHere(prefix: string): boolean {
    const index = this.#byPrefix.get(prefix);
    return index !== undefined && index >= this.scope;
  }

  /** A prefix that stands for a URI here, the innermost one first. */
  prefixOf(uri: string): string | undefined {
    for (let index = this.#byUri.get(uri) ?? -1; index >= 0; index = this.#bindings[index]!.ofUri) {
      const { prefix } = this.#bindings[index]!;
      if (prefix !== '' && this.#byPrefix.get(prefix) === index) return prefix;
    }
    return undefined;
  }

  /** A prefix that is in nobody's way: they are counted through the document. */
  newPrefix(): string {
    const prefix = `ns_${this.#made}`;
    this.#made += 1;
    return prefix;
  }
}

function restore(index: Map<string, number>, key: string, before: number): void {
  if (before < 0) index.delete(key);
  else index.set(key, before);
}
