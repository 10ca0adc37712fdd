/** Text of others as it can be shown. */

/** Text without what does something to a terminal: names of files can hold anything. */
export function printable(text: string): string {
  return text.replaceAll(controls, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** The same where a second line would not be ours. */
export function inOneLine(text: string): string {
  return printable(text).replaceAll('\n', String.raw`\n`);
}

/** Control characters but the end of a line, and what breaks lines or turns the direction of writing. */
// oxlint-disable-next-line no-control-regex
export const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
