/** The shapes of the picture. Each says what it means without its colour. */

import { html, raw, type Html } from './html.ts';

export type Mark =
  | 'full'
  | 'consolidated'
  | 'incremental'
  | 'finding'
  | 'verified'
  | 'rehearsed'
  | 'unfinished'
  | 'future'
  | 'leaving';

/** What all pictures of a page refer to. */
export const definitions = raw(
  '<svg class="definitions" width="0" height="0" aria-hidden="true" focusable="false"><defs>' +
    '<pattern id="hatch-bad" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="bad-line" d="M0 0V6" stroke-width="4"/></pattern>' +
    '<pattern id="hatch-muted" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="muted-line" d="M0 0V5" stroke-width="2"/></pattern>' +
    '<path id="full" class="mark-full" d="M0-6 6 0 0 6-6 0z"/>' +
    '<path id="consolidated" class="mark-hollow" d="M0-5.5 5.5 0 0 5.5-5.5 0z"/>' +
    '<path id="incremental" class="mark-line" d="M0-4.5V4.5"/>' +
    '<path id="finding" class="mark-bad" d="M-4-4 4 4M4-4-4 4"/>' +
    '<circle id="verified" class="mark-ring" r="4"/>' +
    '<g id="rehearsed"><circle class="mark-ring" r="6"/><circle class="mark-dot" r="2.8"/></g>' +
    '<circle id="unfinished" class="mark-dashed" r="4.5"/>' +
    '<circle id="leaving" class="mark-dashed" r="8.5"/>' +
    '<path id="future" class="mark-caution" d="M-4-5 5 0-4 5z"/>' +
    '</defs></svg>',
);

/** A shape around a point; `x` in percent of the picture, or in its units. */
export function mark(name: Mark, x: string | number, y: number, title?: string): Html {
  const use = html`<use href="#${name}" x="${x}" y="${y}" />`;
  return title === undefined ? use : html`<g>${use}<title>${title}</title></g>`;
}

/** The same beside its explanation. */
export function legendMark(name: Mark): Html {
  return html`<svg class="swatch" width="18" height="16" aria-hidden="true" focusable="false">
    ${mark(name, 9, 8)}
  </svg>`;
}

/** A bar as the picture has it, beside its explanation. */
export function legendBar(style: string): Html {
  return html`<svg class="swatch" width="26" height="16" aria-hidden="true" focusable="false">
    <rect class="${style}" x="1" y="3" width="24" height="10" rx="2" />
  </svg>`;
}

/** A share of the width of a picture. */
export function percent(share: number): string {
  return `${Number(share.toFixed(2))}%`;
}

/** From one place to another, in percent. What is short can be seen all the same, by its outline. */
export function bar(style: string, from: number, until: number, y: number, height: number, title: string): Html {
  const width = percent(Math.max(0, until - from));
  return html`<rect class="${style}" x="${percent(from)}" width="${width}" y="${y}" height="${height}" rx="2"
    ><title>${title}</title></rect
  >`;
}
