import { type Pace } from '../pace.ts';
import { type ObjectSource, type Store } from './store.ts';

/** A store to which no more bytes are sent in a second than the pace has it. `onWait` is called while it waits, and may throw. */
export function withPace(store: Store, pace: Pace, onWait: () => void): Store {
  const paced = (source: ObjectSource): ObjectSource => ({
    size: source.size,
    async *open(start, length) {
      for await (const bytes of source.open(start, length)) {
        await pace.take(bytes.length, onWait);
        yield bytes;
      }
    },
  });
  return {
    place: store.place,
    list: (prefix) => store.list(prefix),
    read: (name, range) => store.read(name, range),
    write: (name, source) => store.write(name, paced(source)),
    create: (name, bytes) => store.create(name, bytes),
    remove: (names) => store.remove(names),
    ...(store.sweep ? { sweep: (olderThanMs: number) => store.sweep!(olderThanMs) } : {}),
    close: () => store.close(),
  };
}
