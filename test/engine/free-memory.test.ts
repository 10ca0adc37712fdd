import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freeMemory } from '../../src/engine/free-memory.ts';

test('memory that is freed is there for others at once, and small buffers stay as they are', async () => {
  // The first is only when the port is there.
  for (let bytes = new Uint8Array(1 << 20); bytes.length > 0; await setTimeout(1)) freeMemory(bytes);
  const before = process.memoryUsage().arrayBuffers;
  const small = Buffer.from('some words');
  freeMemory(small);
  expect(small.toString()).toBe('some words');
  for (let i = 0; i < 1000; i++) freeMemory(new Uint8Array(1 << 20).fill(i));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
});
