import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { RecordedApplication } from '../../demo/application.ts';

/** A directory for one test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Lays the DB XML environment of the demo, crashed after its last commit, into a directory. */
export function layDemoEnvironment(home: string): void {
  demoApplication(home).commitUpTo([6, 5737]);
}

export function demoApplication(home: string): RecordedApplication {
  return new RecordedApplication(path.join(import.meta.dirname, '../../demo/environment'), home);
}
