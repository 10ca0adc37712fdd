import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { Language, Parser } from 'web-tree-sitter';
import { powershellCompletion } from '../../../src/output/completion/powershell.ts';
import { allCommands, typed, type CommandDescription } from '../../../src/output/command-line.ts';
import { describedProgram } from '../../support/completion.ts';

/** What is left of a script without texts and comments, and the texts. Throws for a text without an end. */
function takeApart(script: string): { readonly code: string; readonly texts: readonly string[] } {
  const texts: string[] = [];
  const code = script.replaceAll(/'((?:[^'‘’‚‛]|''|‘‘|’’|‚‚|‛‛)*)'|#[^\n]*/g, (_all, text: string | undefined) => {
    if (text !== undefined) texts.push(text.replaceAll(/(['‘’‚‛])\1/g, '$1'));
    return '';
  });
  if (/['"‘’‚‛]/.test(code)) throw new Error(`a quote is left: ${code.slice(0, 200)}`);
  return { code, texts };
}

/** Brackets that are not closed, or closed by others. */
function unbalanced(code: string): string {
  let rest = code.replaceAll(/[^()[\]{}]/g, '');
  for (let before = ''; before !== rest;) {
    before = rest;
    rest = rest.replaceAll(/\(\)|\[\]|\{\}/g, '');
  }
  return rest;
}

/** What a parser of PowerShell's grammar does not understand, up to the end of its line. */
async function misread(script: string): Promise<string | undefined> {
  await Parser.init();
  const grammar = createRequire(import.meta.url).resolve('tree-sitter-powershell/tree-sitter-powershell.wasm');
  const parser = new Parser().setLanguage(await Language.load(grammar));
  const tree = parser.parse(script)!;
  try {
    const wrong = tree.rootNode.hasError ? (tree.rootNode.descendantsOfType('ERROR')[0] ?? tree.rootNode) : undefined;
    return wrong && script.slice(wrong.startIndex).split('\n')[0];
  } finally {
    tree.delete();
    parser.delete();
  }
}

// There is no PowerShell to run it: that the script can be read and has everything in it.
describe('completion in PowerShell', async () => {
  const program = await describedProgram();

  test('is a script by the grammar of PowerShell', async () => {
    expect(await misread(powershellCompletion(program))).toBeUndefined();
    expect(await misread("Write-Output 'a'\nif ($a { 1 }\n")).toBe('if ($a { 1 }');
  });

  test('has its quotes and brackets closed', () => {
    expect(unbalanced(takeApart(powershellCompletion(program)).code)).toBe('');
  });

  test('knows every command, every option, and what their values are', () => {
    const script = powershellCompletion(program);
    const { texts } = takeApart(script);
    for (const command of allCommands(program)) {
      expect(script).toContain(`\n        '${typed(command)}' = @{\n`);
      if (command.words.length > 0) expect(texts).toContain(command.summary);
      for (const { names, description } of command.options) {
        expect(texts).toEqual(expect.arrayContaining([...names, description]));
      }
    }
    expect(script).toContain(`Names = @('--home'); Text = 'the environment (or $DB_HOME)'; Value = @('directory')`);
    expect(script).toContain(`Value = @('choice', 'embedded', 'native')`);
    expect(script).toContain(`Arguments = @(\n                , @('environment')\n            )`);
  });

  test('keeps quotes of any kind within their text', () => {
    const summary = `it's 'one’s own', $HOME and \`tick\``;
    const odd: CommandDescription = { ...program, commands: [{ ...program.commands[0]!, words: ['odd'], summary }] };
    const { code, texts } = takeApart(powershellCompletion(odd));
    expect(texts).toContain(summary);
    expect(unbalanced(code)).toBe('');
  });
});
