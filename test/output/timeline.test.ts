import { expect, test } from 'vitest';
import { drawTimeline } from '../../src/output/timeline.ts';

const second = (time: number, commits: number, bytes: number) => ({ time, commits, records: 0, bytes });

test('draws a line for each span, a bar for each size, and marks where they belong', () => {
  const seconds = [second(100, 3, 1024), second(103, 1, 512), second(109, 5, 1)];
  const marks = [
    { time: 103, text: 'first backup' },
    { time: 103, text: 'and another' },
    { time: 112, text: 'after all of it' },
  ];
  expect(drawTimeline(seconds, marks)).toMatchInlineSnapshot(`
    "1970-01-01T00:01:40Z  3 commits            1.0 KiB  ████████████████████████████████
    1970-01-01T00:01:41Z
    1970-01-01T00:01:42Z
    1970-01-01T00:01:43Z  1 commit             512 B    ████████████████
                          ◆ first backup
                          ◆ and another
    ⋮                     5s without a commit
    1970-01-01T00:01:49Z  5 commits            1 B      ▏
    1970-01-01T00:01:50Z
    1970-01-01T00:01:51Z
    1970-01-01T00:01:52Z
                          ◆ after all of it
    "
  `);
});

test('draws marks without any commit, and nothing of nothing', () => {
  expect(drawTimeline([], [{ time: 0, text: 'a backup' }])).toMatchInlineSnapshot(`
    "1970-01-01T00:00:00Z
                          ◆ a backup
    "
  `);
  expect(drawTimeline([])).toBe('');
});

test('years fit on a screen', () => {
  const seconds = Array.from({ length: 5000 }, (_, i) => second(1_700_000_000 + i * 12_345, 1, 100));
  const lines = drawTimeline(seconds).split('\n');
  expect(lines.length).toBeLessThan(30);
  expect(lines.reduce((sum, line) => sum + Number(/([\d,]+) commit/.exec(line)?.[1]?.replace(',', '') ?? 0), 0)).toBe(
    5000,
  );
});
