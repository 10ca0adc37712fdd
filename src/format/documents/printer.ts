/** Prints a document of a node container as the library does (dbxml documents document, 4.4). */

import { type EntityPlan } from './entities.ts';
import { declarations, Namespaces } from './namespaces.ts';
import {
  textsOf,
  textType,
  type DocumentInformation,
  type StoredTexts,
  type XmlAttribute,
  type XmlNode,
  type XmlText,
} from './node.ts';
import { type DocumentVisitor } from './walk.ts';

export interface PrinterOptions {
  /** The string of the dictionary under an id; undefined where there is none. */
  readonly stringOf: (id: number) => string | undefined;
  /** Asked for when the first entity is met. */
  readonly entities: () => EntityPlan;
}

/** An element whose end tag is still to be printed. */
interface OpenElement {
  /** Undefined where there is no end tag. */
  readonly tag: string | undefined;
  readonly outerScope: number;
}

/** In characters. */
const partLength = 1 << 20;

/** Gathers the text of a document, a character for each byte of it. */
export class DocumentPrinter implements DocumentVisitor {
  readonly #options: PrinterOptions;
  readonly #namespaces = new Namespaces();
  readonly #open: OpenElement[] = [];
  #pieces: string[] = [];
  #plan: EntityPlan | undefined;
  /** Entities that were met, and those that are open. */
  #events = 0;
  #depth = 0;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  /** What was printed since it was last asked for. */
  take(): readonly string[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** True where starts and ends of entities do not belong together. */
  get hasLooseEntities(): boolean {
    return this.#plan?.isEven === false;
  }

  information({ version, standalone }: DocumentInformation): void {
    if (version === undefined) return;
    const rest = standalone === undefined ? '' : ` standalone="${standalone ? 'yes' : 'no'}"`;
    this.#print(`<?xml version="${version}" encoding="UTF-8"${rest}?>`);
  }

  texts(texts: StoredTexts): void {
    for (const text of textsOf(texts)) this.#printText(text);
  }

  begin(node: XmlNode): void {
    const outerScope = this.#namespaces.enter();
    if (node.isDocument) {
      this.#open.push({ tag: undefined, outerScope });
      return;
    }
    const name = this.#place(this.#string(node.prefix), this.#string(node.uri), 'element');
    const tag = qualified(name.prefix, node.name);
    this.#print(`<${tag}${name.declaration}`);
    for (const attribute of node.attributes) if (!attribute.isAdded) this.#printAttribute(attribute);
    const isEmpty = !node.hasChildren && !node.hasChildTexts;
    this.#print(isEmpty ? '/>' : '>');
    this.#open.push({ tag: isEmpty ? undefined : tag, outerScope });
  }

  end(): void {
    const { tag, outerScope } = this.#open.pop()!;
    if (tag !== undefined) this.#print(`</${tag}>`);
    this.#namespaces.leave(outerScope);
  }

  /** Inside of an entity, there is nothing to print: its name stands for it. */
  #print(text: string): void {
    if (this.#depth === 0) this.#pieces.push(text);
  }

  /** Long values in parts: escaped as a whole, they could be longer than a string can be. */
  #printValue(value: string, escape: ((text: string) => string) | undefined): void {
    if (!escape) {
      this.#print(value);
      return;
    }
    for (let start = 0, end = 0; start < value.length; start = end) {
      end = start + partLength;
      // What stands before it decides how this one is printed.
      while (value[end] === '>') end += 1;
      this.#print(escape(value.slice(start, end)));
    }
  }

  #printText(text: XmlText): void {
    switch (text.type) {
      case textType.characters:
        this.#printValue(text.text, text.escape ? escapeText : undefined);
        return;
      case textType.comment:
        this.#print(`<!--${text.text}-->`);
        return;
      case textType.cdata:
        this.#print(`<![CDATA[${text.text}]]>`);
        return;
      case textType.instruction:
        this.#print(`<?${text.text}${text.data === '' ? '' : ` ${text.data}`}?>`);
        return;
      case textType.documentType:
        this.#print(text.text);
        return;
      case textType.entityStart:
        this.#print(`&${text.text};`);
        this.#depth += this.#counts() ? 1 : 0;
        return;
      case textType.entityEnd:
        this.#depth -= this.#counts() ? 1 : 0;
        return;
    }
  }

  /** Whether the start or end of an entity that is met hides what follows, or ends that. */
  #counts(): boolean {
    this.#plan ??= this.#options.entities();
    const event = this.#events;
    this.#events += 1;
    return this.#plan.isEven || this.#plan.isPaired(event);
  }

  #printAttribute({ prefix, uri, name, value, escape }: XmlAttribute): void {
    const namespace = this.#string(uri);
    const given = this.#string(prefix);
    if (namespace === declarations) {
      this.#print(this.#place(given === '' ? '' : name, value, 'declaration').declaration);
      return;
    }
    const placed = this.#place(given, namespace, 'attribute');
    this.#print(` ${qualified(placed.prefix, name)}="`);
    this.#printValue(value, escape ? escapeValue : undefined);
    this.#print(`"${placed.declaration}`);
  }

  /** With which prefix a name is printed, and what has to be declared for it. */
  #place(
    prefix: string,
    uri: string,
    kind: 'element' | 'attribute' | 'declaration',
  ): { readonly prefix: string; readonly declaration: string } {
    const namespaces = this.#namespaces;
    const isUnbound = uri === '' && (kind === 'attribute' || (kind === 'element' && prefix !== ''));
    if (isUnbound || namespaces.isBound(prefix, uri)) return { prefix, declaration: '' };
    if (!namespaces.isBoundHere(prefix) && (prefix !== '' || kind !== 'attribute')) {
      namespaces.bind(prefix, uri);
      return { prefix, declaration: declarationOf(prefix, uri) };
    }
    if (kind === 'declaration') return { prefix, declaration: '' };
    const known = namespaces.prefixOf(uri);
    if (known !== undefined) return { prefix: known, declaration: '' };
    const made = namespaces.newPrefix();
    namespaces.bind(made, uri);
    return { prefix: made, declaration: declarationOf(made, uri) };
  }

  #string(id: number | undefined): string {
    return id === undefined ? '' : (this.#options.stringOf(id) ?? '');
  }
}

function qualified(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}:${name}`;
}

function declarationOf(prefix: string, uri: string): string {
  return ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeValue(uri)}"`;
}

function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/(?<=\]\])>/g, '&gt;');
}

function escapeValue(value: string): string {
  return escapeText(value).replaceAll('"', '&quot;');
}
