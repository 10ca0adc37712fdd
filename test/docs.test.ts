/** Documents are true where a program can tell: sections that the code cites, links, names of files, command lines. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { settingNames } from '../src/commands/setting-names.ts';
import { allCommands, typed } from '../src/output/command-line.ts';
import { callsIn, parseOnly } from './support/command-lines.ts';
import { commandsPage, commandsText } from './support/commands-page.ts';
import { describedProgram } from './support/completion.ts';
import { temporaryDirectory } from './support/demo-environment.ts';
import { figaro } from './support/run-cli.ts';
import { isLongRun } from './support/effort.ts';
import { slashed } from './support/windows.ts';

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

/** Everything that people read, the code aside. */
const pages = ['', 'docs', 'src', 'test'].flatMap((directory) =>
  readdirSync(path.join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => slashed(path.join(directory, name))),
);

const textOf = (page: string): string => readFileSync(path.join(root, page), 'utf8');

/** Blocks of code, by their language, each as its lines; long lines that go on in the next one are one line. */
function blocksOf(page: string): { readonly language: string; readonly lines: readonly string[] }[] {
  const blocks = textOf(page).matchAll(/^ *```(\w*)\n([^]*?)^ *```$/gm);
  return [...blocks].map(([, language, code]) => ({
    language: language!,
    lines: code!.replaceAll(/[\\^]\n\s*/g, '').split('\n'),
  }));
}

const proseOf = (page: string): string => textOf(page).replaceAll(/^ *```\w*\n[^]*?^ *```$/gm, '');

/** Words and signs between backquotes. */
const codeIn = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = proseOf(page).matchAll(/^#{1,6} (.*)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** What is wrong with a link; undefined when it leads somewhere. */
function problemOf(page: string, link: string): string | undefined {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : path.join(path.dirname(page), file);
  if (!existsSync(path.join(root, target))) return `${page}: ${link} leads to no file`;
  if (anchor === undefined || anchorsOf(target).has(anchor)) return undefined;
  return `${page}: ${link} leads to no heading`;
}

/** What is typed in a line of a block, by the language of the block. */
const typedIn: Readonly<Record<string, (line: string) => readonly string[]>> = {
  sh: (line) => [line.replace(/ #.*$/, '')],
  console: (line) => (line.startsWith('$ ') ? [line.slice(2)] : []),
  // Five fields say when.
  cron: (line) => [line.replace(/^(\S+\s+){5}/, '')],
  ini: (line) => [line.replace(/^ExecStart=\/usr\/bin\/env /, '').replaceAll('%i', 'orders')],
  bat: (line) => [line.replace(/^.*\\(figaro-backup)\.cmd (.*?) >> .*$/, '$1 $2').replace(/ --config \S+/, '')],
  // Commands in boxes go without the name of the program.
  mermaid: (line) =>
    [...line.matchAll(/"([^"]*)"/g)]
      .flatMap(([, text]) => text!.split(/<br>|,/))
      .filter((text) => / --[a-z]/.test(text))
      .map((text) => `figaro-backup ${text.trim()}`),
};

/** What people type, in blocks and between backquotes. */
function callsOn(page: string): string[][] {
  const typed = blocksOf(page).flatMap(({ language, lines }) => lines.flatMap(typedIn[language] ?? (() => [])));
  const calls = [...typed, ...codeIn(proseOf(page))].flatMap(callsIn);
  return calls.filter(
    // The name of the program is no call, dots stand for something, and completions ask for candidates by themselves.
    (words) => words.length > 0 && !words.some((word) => word.includes('…')) && words[0] !== 'candidates',
  );
}

describe.each(pages)('%s', (page) => {
  test('has links that lead somewhere', () => {
    const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
    const ours = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(ours.map((link) => problemOf(page, link)).filter(Boolean)).toEqual([]);
  });

  test('names files of the project that are there', () => {
    const names = codeIn(proseOf(page)).filter((code) => /^(src|test|docs|demo|schema|bin)\/[\w./-]*$/.test(code));
    expect(names.filter((name) => !existsSync(path.join(root, name)))).toEqual([]);
  });

  test('has command lines that the program takes', async () => {
    for (const words of callsOn(page)) await parseOnly(words);
  });
});

/** When a line of cron runs, in minutes of the hour. */
function minutesOf(field: string): readonly number[] {
  const [, step] = /^\*\/(\d+)$/.exec(field) ?? [];
  return step === undefined
    ? field.split(',').map(Number)
    : [0, 15, 30, 45].filter((minute) => minute % Number(step) === 0);
}

const writing = /figaro-backup (hot|offline|incremental|expire|pin|unpin)\b/;

test('recipes that write to a repository begin in minutes of their own, and wait for each other', () => {
  const blocks = pages.flatMap((page) => blocksOf(page));
  const cron = blocks
    .flatMap(({ language, lines }) => (language === 'cron' ? lines : []))
    .filter((line) => writing.test(line));
  expect(cron.length).toBeGreaterThanOrEqual(2);
  const minutes = cron.flatMap((line) => minutesOf(line.split(/\s+/)[0]!));
  expect(minutes).toEqual([...new Set(minutes)]);
  const services = blocks.flatMap(({ language, lines }) => (language === 'ini' || language === 'bat' ? lines : []));
  const calls = [...cron.flatMap((line) => line.split('&&')), ...services.map((line) => line.replace('.cmd', ''))];
  const writers = calls.filter((line) => writing.test(line));
  expect(writers.length).toBeGreaterThanOrEqual(6);
  expect(writers.filter((line) => !line.includes('--lock-wait'))).toEqual([]);
});

test.each([
  ['docs/figaro-manual.md', 20],
  ['docs/commands.md', 50],
  // Of a shell, cron, services and tasks.
  ['docs/scheduling.md', 4],
  ['docs/standby.md', 4],
  ['README.md', 15],
])('command lines are found in %s', (page, atLeast) => {
  expect(callsOn(page).length).toBeGreaterThanOrEqual(atLeast);
});

test.each(pages)('%s has configuration files that are understood', async (page) => {
  for (const { lines } of blocksOf(page).filter(({ language }) => language === 'toml')) {
    const config = path.join(temporaryDirectory(), 'config.toml');
    writeFileSync(config, lines.join('\n'));
    expect(await figaro(['config', 'show', 'orders', '--config', config])).toMatchObject({ exitCode: 0, stderr: '' });
  }
});

const commands = allCommands(await describedProgram()).filter(({ words }) => words.length > 0);

/** Options of commands that are named without the program, as in `verify --rehearse`, or alone, that there are not. */
function strangersIn(code: string): string[] {
  const named = commands.findLast((command) => code === typed(command) || code.startsWith(`${typed(command)} -`));
  const all = named?.commands.length === 0 ? named.options : commands.flatMap(({ options }) => options);
  const known = new Set([...all.flatMap(({ names }) => names), '--version']);
  const isOurs = named !== undefined || /^--[a-z]/.test(code);
  return isOurs ? (code.match(/(?<=^| |\()--[a-z][a-z-]*/g) ?? []).filter((name) => !known.has(name)) : [];
}

/** What users read, apart from the books that the code cites. */
const books = new Set<string>(Object.values(documents));
const forUsers = pages.filter((page) => /^(README\.md|docs\/)/.test(page) && !books.has(page));

test.each(forUsers)('%s names options that there are', (page) => {
  expect(codeIn(proseOf(page)).flatMap((code) => strangersIn(code).map((name) => `${code}: ${name}`))).toEqual([]);
});

test('options that there are not are found', () => {
  expect(strangersIn('verify --rehearse --keep-damaged')).toEqual(['--keep-damaged']);
  expect(strangersIn('--keep-hourly N')).toEqual(['--keep-hourly']);
});

/** Sentences and cells of tables that are long enough to be more than a phrase. */
function sentencesOf(page: string): string[] {
  const prose = proseOf(page).replaceAll(/^(#.*|\|[ -|]*)$/gm, '');
  const blocks = prose.split(/\n\n|\n(?=\s*(?:-|\d\.|\|) ?)/);
  return blocks
    .flatMap((block) => block.replaceAll(/\s+/g, ' ').split(/(?<=[.:;!?]) | \| /))
    .map((sentence) => sentence.replaceAll(/^[\s|-]+|[\s|.:;]+$/g, '').toLowerCase())
    .filter((sentence) => sentence.replaceAll(/`[^`]*`(, )?/g, '').length >= 40);
}

test('no sentence stands twice', () => {
  const places = new Map<string, string[]>();
  for (const page of forUsers) {
    for (const sentence of sentencesOf(page)) places.set(sentence, [...(places.get(sentence) ?? []), page]);
  }
  expect([...places].filter(([, found]) => found.length > 1)).toEqual([]);
  expect(places.size).toBeGreaterThan(500);
});

/** What a shell makes of `a/{b,c}.ts`. */
function expanded(word: string): readonly string[] {
  const [, before = '', choices, after = ''] = /^(.*?)\{([^}]*)\}(.*)$/.exec(word) ?? [];
  return choices === undefined ? [word] : choices.split(',').flatMap((choice) => expanded(before + choice + after));
}

test('every test is in a list of .ci/wine, or named with the reason why it is not, and not both', () => {
  const tests = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${slashed(name)}`);
  const lists = [...textOf('.ci/wine').matchAll(/^(?:some|others)=\(\n([^)]*)\n\)$/gm)];
  const listed = lists.flatMap(([, list]) => list!.trim().split(/\s+/)).flatMap(expanded);
  const [section] = /^### In Wine\n[^]*?(?=^## )/m.exec(textOf('test/README.md')) ?? [''];
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  const named = rows
    .flatMap(codeIn)
    .filter((code) => code.startsWith('test/'))
    .flatMap(expanded);
  const isIn = (words: readonly string[], name: string): boolean =>
    words.some((word) => name === word || name.startsWith(`${word}/`));
  expect(tests.filter((name) => isIn(listed, name) === isIn(named, name))).toEqual([]);
  expect([...listed, ...named].filter((word) => !existsSync(path.join(root, word)))).toEqual([]);
  expect(listed.length).toBeGreaterThan(100);
});

test('every setting is on the page about configuration', () => {
  const named = codeIn(proseOf('docs/configuration.md'));
  expect(settingNames.filter((name) => !named.includes(name))).toEqual([]);
});

test('documents, help and messages say proven, cannot and fixed', () => {
  const files = [
    ...pages,
    'CHANGELOG.md',
    'schema/v1.json',
    ...sourceFiles().filter((file) => file.startsWith('src/')),
  ];
  const found = files.flatMap((file) =>
    [...textOf(file).matchAll(/^.*\b(proved|can not|mended)\b.*$/gim)].map(([line]) => `${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

test('the README has 12 KB at most, and leads to every page', () => {
  const readme = readFileSync(path.join(root, 'README.md'));
  expect(readme.length).toBeLessThanOrEqual(12 * 1024);
  for (const page of forUsers.slice(1)) expect(readme.toString()).toContain(`](${page}`);
});

test('docs/commands.md is what the definitions of the commands say; `npm run docs` writes it', async () => {
  expect(readFileSync(commandsPage, 'utf8')).toBe(commandsText(await describedProgram()));
});

test.runIf(isLongRun)('the package has the documents, and all that they lead to', () => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const packed = new Set(files.map((file) => file.path));
  expect(pages.filter((page) => page.startsWith('docs/') && !packed.has(page))).toEqual([]);
  for (const page of forUsers) {
    const links = [...proseOf(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, link]) => link!);
    const files = links.filter((link) => !/^[a-z]+:/.test(link)).map((link) => path.join(path.dirname(page), link));
    // It says that it is for a checkout.
    expect(files.filter((file) => file !== 'CONTRIBUTING.md' && !packed.has(file))).toEqual([]);
  }
});
