import { Command } from 'commander';
import { summarize } from '../../engine/environment/left-out.ts';
import { inspectEnvironment } from '../../engine/inspect/environment.ts';
import { type InspectedEnvironment } from '../../engine/inspect/inspected.ts';
import { type Chain } from '../../engine/repository/chain.ts';
import { releaseOfDatabase } from '../../format/releases.ts';
import { describeEnvironment } from '../../output/environment.ts';
import { formatTime } from '../../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import { examples } from '../options.ts';
import { unlockedFiles } from '../password.ts';
import { findEnvironment, withSource, type SourceOptions } from '../source.ts';

export function inspectEnvironmentCommand(context: CommandContext): Command {
  const command = new Command('environment')
    .summary('show what an environment is: containers, log, settings, and what puts its backups at risk')
    .description(
      'Show what an environment is: its containers and other files, which releases wrote them, its log and the last ' +
        'checkpoint, its settings, and what puts its backups at risk. Only what files tell is told: settings that the ' +
        'application makes by itself leave no trace. Risks do not change the exit status. Of an environment of the configuration file ' +
        'that has a repository, the newest set is looked at, as of whatever has both; --home DIR looks at the environment itself.',
    );
  return withCommonOptions(withEnvironment(withSource(command, '')))
    .addHelpText(
      'after',
      examples(
        'figaro-backup inspect environment --home /srv/env',
        'figaro-backup inspect environment --repo /backup/env --chain 20261122T081500Z-hot-7f3a9c',
        'figaro-backup inspect environment --from /copy/full --from /copy/logs --json',
      ),
    )
    .action(
      onStores(context, async (_environment: string | undefined, options: SourceOptions) => {
        const source = findEnvironment(unlockedFiles(context, options), options, { insideOnly: true });
        const { files, environment, isOriginal, copyOf, chain } = source;
        const inspected = await context.withWatch(options, (watch) =>
          inspectEnvironment(files, environment, watch, isOriginal ? 'environment' : 'copy'),
        );
        context.print(options, toDocument(inspected, chain), () =>
          describeEnvironment(inspected, { isOriginal, copyOf }),
        );
      }),
    );
}

function toDocument({ environment, databases, log, ...rest }: InspectedEnvironment, chain?: Chain): object {
  const { home, config, leftOut, insideNames = new Map<string, string>() } = environment;
  const { dataDirectories, createDirectory, logDirectory, externalFileDirectory, flags } = config;
  return {
    home,
    ...(chain ? { chain: chain.id, set: chain.sets.at(-1)!.id } : {}),
    config: { dataDirectories, createDirectory, logDirectory, externalFileDirectory, flags },
    ...(insideNames.size > 0
      ? { outside: [...insideNames].map(([directory, name]) => ({ directory, path: name })) }
      : {}),
    ...rest,
    databases: databases.map(({ format, ...database }) => {
      const { version, pageSize, littleEndian, checksums, encrypted } = format;
      const release = releaseOfDatabase(format.method, version);
      return { ...database, version, release, pageSize, littleEndian, checksums, encrypted };
    }),
    log: log && logDocument(log),
    leftOut: summarize(leftOut).map(({ path: name, reason, count }) => ({ name, reason, count })),
  };
}

function logDocument({ contents, problem, ...log }: NonNullable<InspectedEnvironment['log']>): object {
  if (!contents) return { ...log, problem: problem?.message };
  const { checkpoint, newestTime, end, ...rest } = contents;
  return {
    ...log,
    ...rest,
    end: end.lsn,
    lastRecord: end.lastRecord,
    torn: end.torn,
    checkpoint: checkpoint && { ...checkpoint, time: formatTime(checkpoint.time) },
    newestTime: newestTime === undefined ? undefined : formatTime(newestTime),
  };
}
