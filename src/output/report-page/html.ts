/** HTML that is safe by how it is made: whatever is put into a template is escaped, unless a template made it. */

import { inOneLine } from '../text.ts';

/** Markup. Only `html` and `raw` make it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes. What is undefined or false leaves nothing. */
export type Content = Html | string | number | undefined | false | readonly Content[];

/** Markup with contents, as text or as the value of an attribute in double quotes. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  // The indentation of this source is no part of a page.
  const texts = parts.map(
    (part, i) => part.replaceAll(/\n\s+/g, '\n') + (i < contents.length ? textOf(contents[i]) : ''),
  );
  return new Html(texts.join(''));
}

/** Markup that is written in this program, and holds nothing from elsewhere. */
export function raw(text: string): Html {
  return new Html(text);
}

function textOf(content: Content): string {
  if (content === undefined || content === false) return '';
  if (content instanceof Html) return content.text;
  return typeof content === 'object' ? content.map(textOf).join('') : escape(String(content));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters and what turns the direction of writing show as what they are, as on a terminal. */
function escape(text: string): string {
  return inOneLine(text).replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
