/** Words and small pieces that all parts of a report use. */

import { isInFuture } from '../../engine/repository/chain-order.ts';
import { formatDuration, formatTime } from '../text.ts';
import { html, type Content, type Html } from './html.ts';

/** How something is; each has its colour, its sign and its word. */
export type Tone = 'good' | 'caution' | 'bad';

const signs: Readonly<Record<Tone, Html>> = {
  good: html`<circle cx="8" cy="8" r="7" /><path d="M4.5 8.2 7 10.7 11.5 5.6" />`,
  caution: html`<path d="M8 1.6 15 14.2H1z" /><path d="M8 6v4M8 11.8v.6" />`,
  bad: html`<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" /><path d="M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4" />`,
};

/** The sign stands before a word that says the same. */
export function sign(tone: Tone, size = 16): Html {
  return html`<svg
    class="sign ${tone}"
    width="${size}"
    height="${size}"
    viewBox="0 0 16 16"
    aria-hidden="true"
    focusable="false"
  >
    ${signs[tone]}
  </svg>`;
}

export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${sign(tone)}${text}</span>`;
}

/** A time as it can be given to `--to-time`. */
export function time(moment: number | string | Date): Html {
  const text = formatTime(moment);
  return html`<time datetime="${text}">${text}</time>`;
}

/** How long ago something was. */
export function ago(moment: string, now: number): string {
  if (isInFuture(moment, new Date(now))) return 'in the future';
  return `${formatDuration(Math.max(0, now - Date.parse(moment)))} ago`;
}

/** Names or reasons, as many as somebody reads. */
export function listed(texts: readonly string[], separator = ', '): Content {
  const more = texts.length - 20;
  return [texts.slice(0, 20).map((text, i) => [i > 0 && separator, name(text)]), more > 0 && ` and ${more} more`];
}

/** A name that somebody else chose: in its own direction of writing. */
export function name(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

/** Commands in a sentence stand between backquotes. */
export function sentence(text: string): Content {
  return text
    .split('`')
    .map((part, i, parts) => (i % 2 === 1 && i < parts.length - 1 ? html`<code>${part}</code>` : part));
}
