/** The schema of the documents that `--json` prints, and a comparison with it that is stricter than a reader's. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

export interface Schema {
  readonly anyOf: readonly { readonly $ref: string }[];
  readonly $defs: Readonly<Record<string, Definition>>;
}

interface Definition {
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, { readonly const?: unknown }>>;
}

export const schema = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../../schema/v1.json'), 'utf8'),
) as Schema;

/** Every object has the documented fields and no others, unless it says that it has. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, closed(part)]));
  const isObject = inner['type'] === 'object' && inner['additionalProperties'] === undefined;
  return isObject ? { ...inner, additionalProperties: false } : inner;
}

const ajv = new Ajv2020({ strictTypes: true, allowUnionTypes: true });
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
ajv.addSchema(closed(schema) as object, 'figaro');

const validators = new Map<string, ValidateFunction>();

/** What keeps a document from being what its command prints; undefined when nothing does. */
export function problemOf(document: unknown): string | undefined {
  const name = definitionOf(document);
  if (!(name in schema.$defs)) return `${name} has no schema`;
  const validate = validators.get(name) ?? ajv.compile({ $ref: `figaro#/$defs/${name}` });
  validators.set(name, validate);
  if (!validate(document)) return `${name}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(validate.errors)}`;
  return name === 'all'
    ? partsOf(document)
        .map((part) => problemOf(part.document))
        .find(Boolean)
    : undefined;
}

/** What `--all` prints of each environment. */
function partsOf(document: unknown): readonly { readonly document: unknown }[] {
  return (document as { readonly environments: readonly { readonly document: unknown }[] }).environments;
}

/** `logs list` is in `logs-list`. */
function definitionOf(document: unknown): string {
  const { command, error, environments } = document as {
    readonly command?: string;
    readonly error?: unknown;
    readonly environments?: unknown;
  };
  if (environments !== undefined) return 'all';
  const fields = Object.keys(document as object);
  if (fields.toSorted().join() === 'command,schema,warnings') return 'warnings-of-lines';
  return error === undefined ? (command ?? 'logs print').replaceAll(' ', '-') : 'error';
}

/** Throws when a command that was to print JSON printed what the schema does not describe. */
export function requireDocumented(args: readonly string[], stdout: string): void {
  if (!args.includes('--json') || args.includes('--nagios') || args.includes('--help')) return;
  const isLines = ['logs print', 'documents list'].includes(args.slice(0, 2).join(' '));
  const texts = isLines ? stdout.split('\n').slice(0, -1) : stdout === '' ? [] : [stdout];
  for (const text of texts) {
    const problem = problemOf(JSON.parse(text));
    if (problem !== undefined) throw new Error(`${args.join(' ')}: the JSON is not as documented: ${problem}`);
  }
}
