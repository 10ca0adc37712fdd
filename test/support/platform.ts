/** Runs what does no I/O as if it were on another system, and tells what it returns. */
export function onPlatform<T>(platform: NodeJS.Platform, run: () => T): T {
  const before = Object.getOwnPropertyDescriptor(process, 'platform')!;
  Object.defineProperty(process, 'platform', { ...before, value: platform });
  try {
    return run();
  } finally {
    Object.defineProperty(process, 'platform', before);
  }
}
