/** What `schedule` writes for systemd, run by a systemd. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { program } from '../support/program.ts';
import { describeWith } from '../support/tools.ts';
import { canHaveSystemd, UserSystemd } from '../support/user-systemd.ts';

if (!canHaveSystemd) console.warn('SKIPPED, since this user cannot mount: schedules in a systemd of its own');

/** With a good part of what systemd takes for something else. */
const name = 'o % \\% x"ä\'$HOME`&<>;#';

describeWith('systemd', 'systemd', 'schedules in a systemd of its own', () => {
  test.runIf(canHaveSystemd)(
    'begin when it is time, catch up, tell of failures, and are gone when removed',
    async () => {
      const directory = temporaryDirectory();
      const repository = path.join(directory, 'a repository');
      const home = path.join(directory, 'home');
      fs.cpSync(corpusCase('dbxml-hot').backup, home, { recursive: true });
      const config = path.join(directory, 'figaro-backup.toml');
      fs.writeFileSync(
        config,
        `[environments.${JSON.stringify(name)}]\nhome = '${home}'\nrepo = '${repository}'\nkeep-within = "30d"\n`,
      );
      const systemd = await UserSystemd.start(path.join(directory, 'user'));
      const schedule = (...words: readonly string[]): void => {
        const line = [
          process.execPath,
          program,
          'schedule',
          ...words,
          '--user',
          '--with',
          'systemd',
          '--config',
          config,
        ];
        const { status, stderr } = systemd.run(...line, '--quiet', '--', name);
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      };
      const timers = (): { unit: string; activates: string; next: number }[] =>
        JSON.parse(
          systemd.run('systemctl', '--user', 'list-timers', '--all', '--output=json', 'figaro-backup-*').stdout,
        );
      const sets = (): readonly string[] =>
        fs.existsSync(repository) ? fs.readdirSync(repository).filter((each) => /-(hot|incremental)-/.test(each)) : [];

      schedule('install', '--every', '15m', '--full', 'weekly');
      const found = timers();
      expect(found.map(({ unit }) => unit.replace(/^figaro-backup-.*-/, '')).sort()).toEqual([
        'expire.timer',
        'full.timer',
        'incremental.timer',
      ]);
      const within = (days: number): number => (Date.now() + days * 86_400_000) * 1000;
      const named = (job: string): { unit: string; activates: string; next: number } =>
        found.find(({ unit }) => unit.endsWith(`-${job}.timer`))!;
      expect(named('incremental').next).toBeLessThan(within(1 / 96));
      expect(named('full').next).toBeLessThan(within(7));
      // Nothing is done before it is time.
      expect(sets()).toEqual([]);

      // What it starts does its work, and tells how that ended.
      const start = (job: string): number | null =>
        systemd.run('systemctl', '--user', 'start', named(job).activates).status;
      expect([start('full'), sets().length]).toEqual([0, 1]);
      fs.renameSync(home, `${home}.gone`);
      expect(start('full')).not.toBe(0);
      expect(systemd.show(named('full').activates, 'Result', 'ExecMainStatus')).toBe(
        'Result=exit-code\nExecMainStatus=3\n',
      );
      fs.renameSync(`${home}.gone`, home);

      // A machine that was off when it was time catches up.
      const stamp = path.join(directory, 'user/data/systemd/timers', `stamp-${named('full').unit}`);
      systemd.run('systemctl', '--user', 'stop', named('full').unit);
      fs.utimesSync(stamp, new Date('2026-01-01'), new Date('2026-01-01'));
      systemd.run('systemctl', '--user', 'start', named('full').unit);
      await expect.poll(() => sets().length, { timeout: 60_000 }).toBe(2);

      // Other times, and no full sets: of these nothing is left.
      schedule('install', '--every', '1h', '--full', 'never');
      expect(timers().map(({ unit }) => unit)).toEqual([named('incremental').unit]);
      expect(systemd.show(named('incremental').unit, 'TimersCalendar')).toContain('*-*-* *:00:00');
      schedule('remove');
      expect(timers()).toEqual([]);
      expect(systemd.show(named('incremental').activates, 'LoadState')).toBe('LoadState=not-found\n');
      const units = path.join(directory, 'user/config/systemd/user');
      expect(fs.readdirSync(units, { recursive: true })).toEqual([]);
    },
  );
});
