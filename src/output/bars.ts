/** Bar charts for terminals. */

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar for `value`, of `width` characters for `most`. Something is never nothing. */
export function bar(value: number, most: number, width: number): string {
  if (value <= 0 || most <= 0) return '';
  const units = Math.max(1, Math.round((value / most) * width * 8));
  return '█'.repeat(Math.floor(units / 8)) + eighths[units % 8]!;
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Seconds for each of at most `rows` equal spans that cover `seconds`: a number that people count in. */
export function niceStep(seconds: number, rows: number): number {
  const least = seconds / rows;
  return steps.find((step) => step >= least) ?? Math.ceil(least / 86_400) * 86_400;
}
