/**
 * Functions to call after each test, for modules of this folder. Test files that share a process
 * share its modules: a hook that a module adds when it is loaded runs in the first file only.
 */
const functions = new Set<() => unknown>()

/** Calls `fn` after each test of this process from now on, and waits for its promise. */
export function afterEachTest(fn: () => unknown): void {
  functions.add(fn)
}

/** Calls all of them, for program-limit.ts. Throws the first error once all have ended. */
export async function testEnded(): Promise<void> {
  const ends = await Promise.allSettled([...functions].map(async fn => fn()))
  for (const end of ends) {
    if (end.status === 'rejected') {
      throw end.reason
    }
  }
}
