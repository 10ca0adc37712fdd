/** The documents that the code cites: each citation names a section that exists. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');

const documents = {
  format: 'docs/berkeley-db-format.md',
  recovery: 'docs/berkeley-db-recovery.md',
  'dbxml documents': 'docs/dbxml-documents.md',
  design: 'docs/design.md',
} as const;
type DocumentName = keyof typeof documents;

interface Citation {
  readonly file: string;
  readonly document: DocumentName;
  /** As the code writes it: `A.14`, `4.6.2`, `E.3a`. */
  readonly section: string;
}

/** `4.6.2`, `A.14`, `E.3a`, `H`. */
const section = String.raw`(?:[A-Z]|\d+)(?:\.\d+)*[a-z]?(?![\w-])`;
const citation = new RegExp(
  String.raw`\b(?:(format|recovery|dbxml documents) document|(design)),? \(?(?:sections? )?(${section}(?:(?:, | and | to )${section})*)`,
  'gi',
);

function citationsIn(file: string): Citation[] {
  // A citation may go on in the next line of its comment.
  const text = readFileSync(path.join(root, file), 'utf8').replaceAll(/\n\s*(?:\*|\/\/)? ?/g, ' ');
  return [...text.matchAll(citation)].flatMap(([, document, design, sections]) =>
    sections!.split(/, | and | to /).map((one) => ({
      file,
      document: (document ?? design)!.toLowerCase() as DocumentName,
      section: one,
    })),
  );
}

function sectionsOf(document: DocumentName): ReadonlySet<string> {
  const text = readFileSync(path.join(root, documents[document]), 'utf8');
  const headings = text.matchAll(/^#{2,4} (?:Appendix )?([A-Z](?=[. ])|\d+)((?:\.\d+)*[a-z]?)/gm);
  return new Set([...headings].map(([, chapter, rest]) => `${chapter}${rest}`));
}

function sourceFiles(): string[] {
  return ['src', 'test', 'demo'].flatMap((directory) =>
    readdirSync(path.join(root, directory), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.startsWith('fixtures'))
      .map((name) => path.join(directory, name)),
  );
}

test('every section of a document that the code cites exists', () => {
  const citations = sourceFiles().flatMap(citationsIn);
  const sections = new Map(Object.keys(documents).map((name) => [name, sectionsOf(name as DocumentName)]));
  const dangling = citations.filter(({ document, section: cited }) => !sections.get(document)!.has(cited));
  expect(dangling).toEqual([]);
  // The pattern finds them: there are about 200.
  expect(citations.length).toBeGreaterThan(150);
});

test('every mention of a document and its section is understood as a citation', () => {
  const mentions = sourceFiles().flatMap((file) => {
    const text = readFileSync(path.join(root, file), 'utf8').replaceAll(/\n\s*(?:\*|\/\/)? ?/g, ' ');
    const mentioned = [...text.matchAll(/\b(?:format|recovery) document[,:]? \(?(?:sections? )?[A-Z\d][\w.]*/g)];
    return mentioned.filter(([mention]) => mention.search(citation) === -1).map(([mention]) => `${file}: ${mention}`);
  });
  expect(mentions).toEqual([]);
});
