/**
 * Does work for each item, for some of them at a time. After a failure none is begun any more, and it is thrown once no work goes on.
 */
export async function someAtOnce<T>(most: number, items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items].values();
  let failure: { readonly reason: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (const item of left) {
      if (failure) return;
      await work(item).catch((reason: unknown) => (failure ??= { reason }));
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
  if (failure) throw failure.reason;
}
