/** The colours of a report, on screens that are light and on dark ones; on paper, those of light. Tests hold their contrast. */

export interface Palette {
  /** Behind everything, and behind what stands together. */
  readonly page: string;
  readonly surface: string;
  readonly ink: string;
  readonly muted: string;
  /** Between things; carries no meaning. */
  readonly line: string;
  readonly good: string;
  readonly caution: string;
  readonly bad: string;
  /** Links, and bars that count. */
  readonly accent: string;
}

export const light: Palette = {
  page: '#f3f5f8',
  surface: '#ffffff',
  ink: '#17202b',
  muted: '#55616f',
  line: '#dce2e9',
  good: '#18794e',
  caution: '#8a5a00',
  bad: '#b42318',
  accent: '#2a5db8',
};

export const dark: Palette = {
  page: '#0e1319',
  surface: '#161d26',
  ink: '#e6ebf1',
  muted: '#a2afbd',
  line: '#2d3844',
  good: '#46c489',
  caution: '#e2b143',
  bad: '#ff8379',
  accent: '#7fb0ff',
};

/** Declarations of custom properties. */
export function propertiesOf(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');
}
