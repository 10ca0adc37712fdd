import { expect, test } from 'vitest';
import { goals, setback } from './goals.ts';
import { type Cost } from './measure.ts';
import { tableRow, type Row } from './rows.ts';

const costs = (amount: number): Cost => ({
  seconds: amount,
  cpuSeconds: amount,
  megabytesRead: amount,
  megabytesHeld: amount,
});

function row(changes: Partial<Row>): Row {
  return { work: 'copying', size: '1 MB', ours: costs(1), peer: costs(1), peerName: '`cp`', ...changes };
}

const all = {
  copying: { measure: 'cpu', goal: 2, reached: 1.5 },
  late: { measure: 'cpu', goal: 2, reached: 3 },
  idle: { measure: 'read', goal: 0.1, reached: 0.02 },
} as const;

test('a row that had reached its goal is told when it falls back by more than a fifth', () => {
  expect(setback(row({ ours: costs(1.79) }), all)).toBeUndefined();
  expect(setback(row({ ours: costs(1.81) }), all)).toBe('copying: 1.81 times `cp` by cpu, 1.5 before (goal 2)');
  expect(setback(row({ work: 'idle', ours: costs(0.03) }), all)).toContain('0.03 times `cp` by read');
});

test('a row that had not, or that has no goal, is not', () => {
  expect(setback(row({ work: 'late', ours: costs(10) }), all)).toBeUndefined();
  expect(setback(row({ work: 'other', ours: costs(10) }), all)).toBeUndefined();
});

test('goals are ratios that can be compared', () => {
  for (const { goal, reached } of Object.values(goals)) {
    expect(goal).toBeGreaterThan(0);
    expect(reached).toBeGreaterThan(0);
  }
});

test('a row is one of a table in Markdown', () => {
  expect(tableRow(row({ ours: costs(3), exponent: 1.25 }))).toBe(
    '| copying | 1 MB | 3.00 | 3.00 | 3 | 3 |  | `cp` | 1.00 | 3.00 | 3.00 | 3.00 |  | 1.25 |',
  );
});
