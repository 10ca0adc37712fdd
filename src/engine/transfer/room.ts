/** Waiting for streams of the library that reads and writes tars. */

interface Stream {
  readonly destroyed: boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** Returns when a stream that was full takes more; false when it takes nothing any more. */
export async function roomIn(stream: Stream): Promise<boolean> {
  if (!stream.destroyed) {
    await new Promise<void>((resolve) => {
      const go = (): void => {
        stream.off('drain', go);
        stream.off('close', go);
        resolve();
      };
      stream.on('drain', go);
      stream.on('close', go);
    });
  }
  return !stream.destroyed;
}
